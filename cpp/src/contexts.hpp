// Context labels of the coefficient bit modelling (ISO/IEC 15444-1, Annex D, tables D.1 to D.4).
#pragma once

#include <array>
#include <cstdint>

#include "geometry.hpp"

namespace flowroi {

inline constexpr int context_run_length = 17;
inline constexpr int context_uniform = 18;
inline constexpr int context_count = 19;
inline constexpr int context_magnitude_first_alone = 14;
inline constexpr int context_magnitude_first = 15;
inline constexpr int context_magnitude_later = 16;

// A 3x3 window of flags around a coefficient, row by row: bit 0 is up-left, bit 4 the coefficient itself.
inline constexpr std::uint32_t window_mask = 0x1FF;
inline constexpr std::uint32_t window_neighbours = 0x1EF;

namespace detail {

constexpr int bit(unsigned window, int position) { return static_cast<int>((window >> position) & 1U); }

// Table D.1, with h and v exchanged for HL.
constexpr std::uint8_t zero_coding_context(Orientation orientation, unsigned window) {
  int h = bit(window, 3) + bit(window, 5);
  int v = bit(window, 1) + bit(window, 7);
  const int d = bit(window, 0) + bit(window, 2) + bit(window, 6) + bit(window, 8);
  if (orientation == Orientation::hh) {
    const int hv = h + v;
    if (d >= 3) return 8;
    if (d == 2) return hv >= 1 ? 7 : 6;
    if (d == 1) return hv >= 2 ? 5 : hv == 1 ? 4 : 3;
    return hv >= 2 ? 2 : hv == 1 ? 1 : 0;
  }
  if (orientation == Orientation::hl) {
    const int swap = h;
    h = v;
    v = swap;
  }
  if (h == 2) return 8;
  if (h == 1) return v >= 1 ? 7 : d >= 1 ? 6 : 5;
  if (v == 2) return 4;
  if (v == 1) return 3;
  return d >= 2 ? 2 : d == 1 ? 1 : 0;
}

// Up, left, right, down of a window in four bits.
constexpr std::uint8_t cross(unsigned window) {
  return static_cast<std::uint8_t>(bit(window, 1) | bit(window, 3) << 1 | bit(window, 5) << 2 | bit(window, 7) << 3);
}

// Tables D.2 and D.3; index = cross of significance | cross of (significant and negative) << 4.
// The result is the context, with the XOR bit in bit 7.
constexpr std::uint8_t sign_context(unsigned index) {
  const auto contribution = [&](int first, int second) {
    int sum = 0;
    for (const int side : {first, second}) {
      if (bit(index, side) != 0) sum += bit(index, side + 4) != 0 ? -1 : 1;
    }
    return sum > 0 ? 1 : sum < 0 ? -1 : 0;
  };
  int h = contribution(1, 2);
  int v = contribution(0, 3);
  const bool flip = h < 0 || (h == 0 && v < 0);
  if (flip) {
    h = -h;
    v = -v;
  }
  const int context = h == 1 ? 12 + v : 9 + v;
  return static_cast<std::uint8_t>(context | (flip ? 0x80 : 0));
}

}  // namespace detail

inline constexpr auto zero_coding_contexts = [] {
  std::array<std::array<std::uint8_t, 512>, 4> table{};
  for (int o = 0; o < 4; ++o) {
    for (unsigned w = 0; w < 512; ++w) {
      table[static_cast<std::size_t>(o)][w] = detail::zero_coding_context(static_cast<Orientation>(o), w);
    }
  }
  return table;
}();

inline constexpr auto crosses = [] {
  std::array<std::uint8_t, 512> table{};
  for (unsigned w = 0; w < 512; ++w) table[w] = detail::cross(w);
  return table;
}();

inline constexpr auto sign_contexts = [] {
  std::array<std::uint8_t, 256> table{};
  for (unsigned i = 0; i < 256; ++i) table[i] = detail::sign_context(i);
  return table;
}();

}  // namespace flowroi
