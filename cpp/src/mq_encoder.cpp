// Truncation points of MQ code words (ISO/IEC 15444-1, Annex C and D.4.1).
#include "mq_encoder.hpp"

#include <algorithm>

namespace flowroi {
namespace {

constexpr std::size_t tail_bytes = 6;
using Tail = std::array<std::uint8_t, tail_bytes>;

// The bytes, from the last one written on, of the largest value in the interval: as BYTEOUT would write it if only
// ones followed.
Tail upper_end(const MqSnapshot& snapshot) {
  Tail bytes{};
  bytes[0] = snapshot.last;
  std::uint64_t c = std::uint64_t{snapshot.c} + snapshot.a - 1;
  std::uint32_t ct = snapshot.ct;
  for (std::size_t i = 1; i < tail_bytes; ++i) {
    c = (c << ct) | ((std::uint64_t{1} << ct) - 1);
    std::uint8_t& before = bytes[i - 1];
    bool stuffed = before == 0xFF;
    if (!stuffed && c >= 0x8000000U) {
      ++before;
      c &= 0x7FFFFFFU;
      stuffed = before == 0xFF;
    }
    bytes[i] = static_cast<std::uint8_t>(stuffed ? c >> 20 : c >> 19);
    c &= stuffed ? 0xFFFFFU : 0x7FFFFU;
    ct = stuffed ? 7 : 8;
  }
  return bytes;
}

}  // namespace

std::uint32_t truncation_length(const MqSnapshot& snapshot, const std::uint8_t* bytes, std::uint32_t size,
                                std::uint32_t previous) {
  const Tail upper = upper_end(snapshot);
  const std::int64_t anchor = std::int64_t{snapshot.position} - 1;
  // The value that a decoder reads from the first `length` bytes is not above the upper end.
  const auto suffices = [&](std::int64_t length) {
    std::uint8_t before = 0;
    for (std::size_t i = 0; i < tail_bytes; ++i) {
      const std::int64_t position = anchor + static_cast<std::int64_t>(i);
      std::uint8_t byte = before == 0xFF ? 0x7F : 0xFF;
      if (position < 0) {
        byte = 0;
      } else if (position < length) {
        byte = bytes[position];
      }
      if (byte != upper[i]) return byte < upper[i];
      before = byte;
    }
    return true;
  };
  std::int64_t length = std::min<std::int64_t>(size, std::max<std::int64_t>(previous, std::max<std::int64_t>(anchor, 0)));
  while (length < size && !suffices(length)) ++length;
  while (length > previous && bytes[length - 1] == 0xFF) --length;
  return static_cast<std::uint32_t>(length);
}

}  // namespace flowroi
