// CRC-32 against the check value that its catalogues give, and against bits that were flipped.
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "checksum.hpp"

int main() {
  const std::vector<std::uint8_t> digits = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  CHECK(flowroi::crc32(digits) == 0xCBF43926U);
  CHECK(flowroi::crc32({}) == 0);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<std::uint8_t> damaged = digits;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ (1U << bit));
      CHECK(flowroi::crc32(damaged) != 0xCBF43926U);
    }
  }
  return failures;
}
