// The boxes of a JP2 file (ISO/IEC 15444-1, Annex I).
#pragma once

#include <cstdint>
#include <vector>

#include "flowroi/encoder.hpp"

namespace flowroi {

// Big-endian integers.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::uint8_t>& out) : out_(out) {}
  void u8(std::uint8_t v) { out_.push_back(v); }
  void u16(std::uint16_t v) {
    u8(static_cast<std::uint8_t>(v >> 8));
    u8(static_cast<std::uint8_t>(v & 0xFF));
  }
  void u32(std::uint32_t v) {
    u16(static_cast<std::uint16_t>(v >> 16));
    u16(static_cast<std::uint16_t>(v & 0xFFFF));
  }

 private:
  std::vector<std::uint8_t>& out_;
};

// Everything up to the codestream: signature, file type, header, and the head of the codestream box.
// `file_bytes` is the size of the whole file.
void write_jp2_boxes(ByteWriter& out, const Frame& frame, std::uint32_t bit_depth, std::size_t file_bytes);

}  // namespace flowroi
