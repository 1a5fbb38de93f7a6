// Packet header bits with bit stuffing (ISO/IEC 15444-1, B.10.1).
#pragma once

#include <cstdint>
#include <vector>

namespace flowroi {

class BitWriter {
 public:
  explicit BitWriter(std::vector<std::uint8_t>& out) : out_(out) {}

  void put(std::uint32_t bit) {
    current_ = (current_ << 1) | (bit & 1U);
    if (--free_ == 0) flush_byte();
  }

  void put_bits(std::uint32_t value, std::uint32_t count) {
    while (count-- > 0) put(value >> count);
  }

  // Pads to a byte; a header never ends on 0xFF.
  void finish() {
    if (free_ != capacity_) {
      current_ <<= free_;
      flush_byte();
    }
    if (capacity_ == 7) out_.push_back(0);
    free_ = capacity_ = 8;
  }

 private:
  void flush_byte() {
    out_.push_back(static_cast<std::uint8_t>(current_));
    capacity_ = current_ == 0xFF ? 7 : 8;
    free_ = capacity_;
    current_ = 0;
  }

  std::vector<std::uint8_t>& out_;
  std::uint32_t current_ = 0;
  std::uint32_t free_ = 8;
  std::uint32_t capacity_ = 8;
};

}  // namespace flowroi
