// Truncation points of MQ code words (ISO/IEC 15444-1, Annex C and D.4.1).
#include "mq_encoder.hpp"

#include <algorithm>

namespace flowroi {

std::uint32_t MqEncoder::flush() {
  const std::uint32_t limit = c_ + a_;
  c_ |= 0xFFFFU;
  if (c_ >= limit) c_ -= 0x8000U;
  c_ <<= ct_;
  byte_out();
  c_ <<= ct_;
  byte_out();
  if (*bp_ != 0xFF) ++bp_;
  return static_cast<std::uint32_t>(bp_ - begin_);
}

std::uint32_t truncation_length(const MqSnapshot& snapshot, const std::uint8_t* bytes, std::uint32_t size,
                                std::uint32_t previous) {
  // Values relative to the byte written last, whose least significant bit weighs 2^43. A byte after 0xFF overlaps the
  // one before by a bit, into which a carry may have gone; so values are compared, not byte strings.
  constexpr int last_bit = 43;
  constexpr int register_bits = 27;  // from that byte's least significant bit down to bit 0 of C << CT
  const auto at_register = [&](std::uint64_t c) {
    return (std::uint64_t{snapshot.last} << last_bit) + (c << snapshot.ct << (last_bit - register_bits));
  };
  const std::uint64_t low = at_register(snapshot.c);
  const std::uint64_t end = at_register(std::uint64_t{snapshot.c} + snapshot.a);
  const auto bits_after = [&](std::int64_t position) { return position >= 0 && bytes[position] == 0xFF ? 7 : 8; };
  const std::int64_t anchor = std::int64_t{snapshot.position} - 1;
  std::int64_t length = std::max<std::int64_t>(anchor, 0);
  std::uint64_t value = 0;
  int unit = anchor < 0 ? last_bit : last_bit + bits_after(anchor - 1);
  // Ones for ever after the bytes read so far come to just below one unit of their last bit.
  const auto inside = [&] {
    const std::uint64_t reached = value + (std::uint64_t{1} << unit);
    return reached > low && reached <= end;
  };
  while (length < size && (length < previous || !inside())) {
    unit -= bits_after(length - 1);
    if (unit < 0) return size;
    value += std::uint64_t{bytes[length]} << unit;
    ++length;
  }
  length = std::min<std::int64_t>(std::max<std::int64_t>(length, previous), size);
  while (length > previous && bytes[length - 1] == 0xFF) --length;
  return static_cast<std::uint32_t>(length);
}

}  // namespace flowroi
