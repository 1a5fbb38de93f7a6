// CRC-32, a byte at a time: streams are short beside the work of making them.
#include "checksum.hpp"

#include <array>

namespace flowroi {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t n = 0; n < 256; ++n) {
    std::uint32_t value = n;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value & 1U) != 0 ? 0xEDB88320U ^ (value >> 1U) : value >> 1U;
    }
    table[n] = value;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> table = make_table();

}  // namespace

std::uint32_t crc32(std::span<const std::uint8_t> bytes) {
  std::uint32_t state = 0xFFFFFFFFU;
  for (const std::uint8_t byte : bytes) {
    state = table[(state ^ byte) & 0xFFU] ^ (state >> 8U);
  }
  return ~state;
}

}  // namespace flowroi
