// The boxes of a JP2 file (ISO/IEC 15444-1, Annex I).
#include "jp2_writer.hpp"

namespace flowroi {
namespace {

constexpr std::uint32_t code(const char (&name)[5]) {
  return static_cast<std::uint32_t>(name[0]) << 24 | static_cast<std::uint32_t>(name[1]) << 16 |
         static_cast<std::uint32_t>(name[2]) << 8 | static_cast<std::uint32_t>(name[3]);
}

constexpr std::uint32_t boxes_before_codestream = 12 + 20 + 45;

}  // namespace

void write_jp2_boxes(ByteWriter& out, const Frame& frame, std::uint32_t bit_depth, std::size_t file_bytes) {
  out.u32(12);  // signature box (I.5.1)
  out.u32(code("jP  "));
  out.u32(0x0D0A870A);

  out.u32(20);  // file type box (I.5.2)
  out.u32(code("ftyp"));
  out.u32(code("jp2 "));
  out.u32(0);  // minor version
  out.u32(code("jp2 "));

  out.u32(45);  // header box (I.5.3): image header and colour specification
  out.u32(code("jp2h"));
  out.u32(22);
  out.u32(code("ihdr"));
  out.u32(frame.height);
  out.u32(frame.width);
  out.u16(1);                                        // components
  out.u8(static_cast<std::uint8_t>(bit_depth - 1));  // unsigned
  out.u8(7);                                         // compression type: JPEG 2000
  out.u8(0);                                         // colour space known
  out.u8(0);                                         // no intellectual property box
  out.u32(15);
  out.u32(code("colr"));
  out.u8(1);    // enumerated
  out.u8(0);    // precedence
  out.u8(0);    // approximation
  out.u32(17);  // greyscale

  // Codestream box (I.5.4); length 0 = to the end of the file, where 32 bits do not hold it.
  const std::size_t length = file_bytes > boxes_before_codestream ? file_bytes - boxes_before_codestream : 0;
  out.u32(length <= 0xFFFFFFFFU ? static_cast<std::uint32_t>(length) : 0);
  out.u32(code("jp2c"));
}

}  // namespace flowroi
