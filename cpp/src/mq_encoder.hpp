// The MQ arithmetic encoder (ISO/IEC 15444-1, Annex C).
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "contexts.hpp"

// Inlined whatever the compiler thinks: these run for every decision.
#define FLOWROI_INLINE [[gnu::always_inline]] inline

namespace flowroi {

// Table C.2, one row for each state and sense of the more probable symbol: entry = 2 * index + mps.
struct MqState {
  std::uint16_t qe;
  std::uint8_t next_mps;
  std::uint8_t next_lps;
};

namespace detail {

struct MqRow {
  std::uint16_t qe;
  std::uint8_t nmps;
  std::uint8_t nlps;
  std::uint8_t exchange;
};

inline constexpr std::array<MqRow, 47> mq_rows = {{
    {0x5601, 1, 1, 1},   {0x3401, 2, 6, 0},   {0x1801, 3, 9, 0},   {0x0AC1, 4, 12, 0},  {0x0521, 5, 29, 0},
    {0x0221, 38, 33, 0}, {0x5601, 7, 6, 1},   {0x5401, 8, 14, 0},  {0x4801, 9, 14, 0},  {0x3801, 10, 14, 0},
    {0x3001, 11, 17, 0}, {0x2401, 12, 18, 0}, {0x1C01, 13, 20, 0}, {0x1601, 29, 21, 0}, {0x5601, 15, 14, 1},
    {0x5401, 16, 14, 0}, {0x5101, 17, 15, 0}, {0x4801, 18, 16, 0}, {0x3801, 19, 17, 0}, {0x3401, 20, 18, 0},
    {0x3001, 21, 19, 0}, {0x2801, 22, 19, 0}, {0x2401, 23, 20, 0}, {0x2201, 24, 21, 0}, {0x1C01, 25, 22, 0},
    {0x1801, 26, 23, 0}, {0x1601, 27, 24, 0}, {0x1401, 28, 25, 0}, {0x1201, 29, 26, 0}, {0x1101, 30, 27, 0},
    {0x0AC1, 31, 28, 0}, {0x09C1, 32, 29, 0}, {0x08A1, 33, 30, 0}, {0x0521, 34, 31, 0}, {0x0441, 35, 32, 0},
    {0x02A1, 36, 33, 0}, {0x0221, 37, 34, 0}, {0x0141, 38, 35, 0}, {0x0111, 39, 36, 0}, {0x0085, 40, 37, 0},
    {0x0049, 41, 38, 0}, {0x0025, 42, 39, 0}, {0x0015, 43, 40, 0}, {0x0009, 44, 41, 0}, {0x0005, 45, 42, 0},
    {0x0001, 45, 43, 0}, {0x5601, 46, 46, 0},
}};

}  // namespace detail

inline constexpr auto mq_states = [] {
  std::array<MqState, 94> table{};
  for (std::size_t i = 0; i < 47; ++i) {
    for (std::size_t mps = 0; mps < 2; ++mps) {
      const detail::MqRow& row = detail::mq_rows[i];
      table[2 * i + mps] = {row.qe, static_cast<std::uint8_t>(2U * row.nmps + mps),
                            static_cast<std::uint8_t>(2U * row.nlps + (mps ^ row.exchange))};
    }
  }
  return table;
}();

using MqContexts = std::array<std::uint8_t, context_count>;

// Initial states (table D.7).
constexpr MqContexts initial_mq_contexts() {
  MqContexts states{};
  states[0] = 2 * 4;
  states[context_run_length] = 2 * 3;
  states[context_uniform] = 2 * 46;
  return states;
}

// The registers at the end of a coding pass: enough to tell how few bytes decode everything up to here.
struct MqSnapshot {
  std::uint32_t a;
  std::uint32_t c;
  std::uint32_t ct;
  std::uint32_t position;  // bytes written
  std::uint8_t last;       // the last of them, which a carry may still raise by one
};

// Encodes into a buffer that the caller made large enough. The byte before `begin` is scratch: the encoder starts on
// it.
class MqEncoder {
 public:
  FLOWROI_INLINE explicit MqEncoder(std::uint8_t* begin) : begin_(begin), bp_(begin - 1) { *bp_ = 0; }

  FLOWROI_INLINE void encode(std::uint8_t& context, std::uint32_t decision) {
    const MqState state = mq_states[context];
    a_ -= state.qe;
    if (decision == (context & 1U)) {
      if ((a_ & 0x8000U) != 0) [[likely]] {
        c_ += state.qe;
        return;
      }
      if (a_ < state.qe) {
        a_ = state.qe;
      } else {
        c_ += state.qe;
      }
      context = state.next_mps;
    } else {
      if (a_ < state.qe) {
        c_ += state.qe;
      } else {
        a_ = state.qe;
      }
      context = state.next_lps;
    }
    renormalise();
  }

  // `count` decisions 0 in one context; the steps between two renormalisations are taken at once.
  FLOWROI_INLINE void encode_zeros(std::uint8_t& context, std::uint32_t count) {
    while (count > 0) {
      const MqState state = mq_states[context];
      if (count > 2 && (context & 1U) == 0 && a_ - 0x8000U >= state.qe) {
        const std::uint32_t whole = (a_ - 0x8000U) / state.qe;
        const std::uint32_t steps = whole < count ? whole : count;
        a_ -= steps * state.qe;
        c_ += steps * state.qe;
        count -= steps;
        continue;
      }
      encode(context, 0);
      --count;
    }
  }

  FLOWROI_INLINE MqSnapshot snapshot() const {
    return {a_, c_, ct_, static_cast<std::uint32_t>(bp_ + 1 - begin_), *bp_};
  }

  // FLUSH (C.2.9); returns the number of bytes. A last byte 0xFF is dropped: a decoder reads ones there anyway.
  // Out of line: a function that every instruction set's variant shares must not be compiled with any one's flags.
  std::uint32_t flush();

 private:
  FLOWROI_INLINE void renormalise() {
    auto shift = static_cast<std::uint32_t>(std::countl_zero(a_)) - 16U;
    a_ <<= shift;
    while (shift >= ct_) {
      c_ <<= ct_;
      shift -= ct_;
      byte_out();
    }
    c_ <<= shift;
    ct_ -= shift;
  }

  FLOWROI_INLINE void byte_out() {
    if (*bp_ != 0xFF) {
      if (c_ < 0x8000000U) {
        *++bp_ = static_cast<std::uint8_t>(c_ >> 19);
        c_ &= 0x7FFFFU;
        ct_ = 8;
        return;
      }
      ++*bp_;  // the carry
      if (*bp_ != 0xFF) {
        *++bp_ = static_cast<std::uint8_t>(c_ >> 19);
        c_ &= 0x7FFFFU;
        ct_ = 8;
        return;
      }
      c_ &= 0x7FFFFFFU;
    }
    *++bp_ = static_cast<std::uint8_t>(c_ >> 20);
    c_ &= 0xFFFFFU;
    ct_ = 7;
  }

  std::uint8_t* begin_;
  std::uint8_t* bp_;
  std::uint32_t a_ = 0x8000;
  std::uint32_t c_ = 0;
  std::uint32_t ct_ = 12;
};

// The fewest leading bytes of a finished code word segment from which a decoder still gets every decision made
// before the snapshot: after the end it reads ones, so the prefix followed by ones must stay below the upper end of
// the interval that the snapshot describes. `previous` is a lower bound known from an earlier pass.
std::uint32_t truncation_length(const MqSnapshot& snapshot, const std::uint8_t* bytes, std::uint32_t size,
                                std::uint32_t previous);

}  // namespace flowroi
