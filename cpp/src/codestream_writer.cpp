// Markers of the codestream (ISO/IEC 15444-1, Annex A).
#include "codestream_writer.hpp"

#include <algorithm>

#include "jp2_writer.hpp"

namespace flowroi {
namespace {

enum Marker : std::uint16_t {
  soc = 0xFF4F,
  siz = 0xFF51,
  cod = 0xFF52,
  tlm = 0xFF55,
  plt = 0xFF58,
  qcd = 0xFF5C,
  rgn = 0xFF5E,
  com = 0xFF64,
  sot = 0xFF90,
  sod = 0xFF93,
  eoc = 0xFFD9,
};

void write_siz(ByteWriter& out, const StreamLayout& s) {
  out.u16(siz);
  out.u16(41);  // Lsiz: one component
  out.u16(0);   // Rsiz: Part 1, no profile
  out.u32(s.frame.width);
  out.u32(s.frame.height);
  out.u32(0);  // image offset
  out.u32(0);
  out.u32(s.frame.width);  // one tile
  out.u32(s.frame.height);
  out.u32(0);  // tile offset
  out.u32(0);
  out.u16(1);                                                 // Csiz
  out.u8(static_cast<std::uint8_t>(s.params.bit_depth - 1));  // unsigned
  out.u8(1);                                                  // XRsiz
  out.u8(1);                                                  // YRsiz
}

void write_cod(ByteWriter& out, const StreamLayout& s) {
  out.u16(cod);
  out.u16(12);
  out.u8(0);  // Scod: largest precincts, no SOP, no EPH
  out.u8(static_cast<std::uint8_t>(s.params.progression));
  out.u16(static_cast<std::uint16_t>(s.params.layers));
  out.u8(0);  // no multiple component transform
  out.u8(static_cast<std::uint8_t>(s.geometry.levels));
  out.u8(static_cast<std::uint8_t>(s.params.code_block_width_exp - 2));
  out.u8(static_cast<std::uint8_t>(s.params.code_block_height_exp - 2));
  out.u8(0);  // code-block style
  out.u8(s.quantizer.reversible ? 1 : 0);
}

void write_qcd(ByteWriter& out, const StreamLayout& s) {
  const auto guard = static_cast<std::uint8_t>(s.quantizer.guard_bits << 5);
  out.u16(qcd);
  if (s.quantizer.reversible) {
    out.u16(static_cast<std::uint16_t>(3 + s.geometry.subbands.size()));
    out.u8(guard);  // no quantisation
    for (const Subband& band : s.geometry.subbands) {
      out.u8(static_cast<std::uint8_t>(s.quantizer.subband_exponent(band) << 3));
    }
  } else {
    out.u16(5);
    out.u8(guard | 1);  // scalar derived
    out.u16(static_cast<std::uint16_t>(s.quantizer.exponent << 11 | s.quantizer.mantissa));
  }
}

void write_rgn(ByteWriter& out, const StreamLayout& s) {
  if (s.roi_shift == 0) return;
  out.u16(rgn);
  out.u16(5);
  out.u8(0);  // component
  out.u8(0);  // implicit RoI: maximum shift
  out.u8(static_cast<std::uint8_t>(s.roi_shift));
}

void write_com(ByteWriter& out, const StreamLayout& s) {
  if (s.params.comment.empty()) return;
  out.u16(com);
  out.u16(static_cast<std::uint16_t>(4 + s.params.comment.size()));
  out.u16(1);  // ISO/IEC 8859-15 text
  for (const char c : s.params.comment) out.u8(static_cast<std::uint8_t>(c));
}

// Everything up to the first tile-part, but for TLM.
void write_main_header(ByteWriter& out, const StreamLayout& s) {
  out.u16(soc);
  write_siz(out, s);
  write_cod(out, s);
  write_qcd(out, s);
  write_rgn(out, s);
  write_com(out, s);
}

// PLT marker segments (A.7.3): 7 bits a byte, most significant first; a segment holds whole packets only.
std::vector<std::uint8_t> plt_segments(const std::vector<std::uint32_t>& lengths) {
  std::vector<std::uint8_t> out;
  std::vector<std::uint8_t> body;
  std::uint8_t index = 0;
  const auto close = [&] {
    if (body.empty()) return;
    ByteWriter w(out);
    w.u16(plt);
    w.u16(static_cast<std::uint16_t>(3 + body.size()));
    w.u8(index++);
    out.insert(out.end(), body.begin(), body.end());
    body.clear();
  };
  for (const std::uint32_t length : lengths) {
    std::uint8_t groups[5];
    int count = 0;
    for (std::uint32_t rest = length; count == 0 || rest > 0; rest >>= 7) {
      groups[count] = static_cast<std::uint8_t>((rest & 0x7FU) | (count > 0 ? 0x80U : 0U));
      ++count;
    }
    if (body.size() + static_cast<std::size_t>(count) > 65000) close();
    while (count > 0) body.push_back(groups[--count]);
  }
  close();
  return out;
}

std::size_t tlm_bytes(const StreamLayout& s) { return s.tlm ? 10 : 0; }

}  // namespace

std::size_t framing_bytes(const StreamLayout& s, const std::vector<std::uint32_t>& packet_lengths) {
  std::vector<std::uint8_t> header;
  ByteWriter out(header);
  if (s.params.container == Container::jp2) write_jp2_boxes(out, s.frame, s.params.bit_depth, 0);
  write_main_header(out, s);
  constexpr std::size_t tile_header_and_end = 12 + 2 + 2;
  return header.size() + tlm_bytes(s) + tile_header_and_end + (s.plt ? plt_segments(packet_lengths).size() : 0);
}

std::vector<std::uint8_t> write_stream(const StreamLayout& s, const Packets& packets) {
  const std::vector<std::uint8_t> lengths = s.plt ? plt_segments(packets.lengths) : std::vector<std::uint8_t>{};
  std::vector<std::uint8_t> bytes;
  bytes.reserve(packets.bytes.size() + lengths.size() + s.params.comment.size() + 400);
  ByteWriter out(bytes);
  const auto tile_part = static_cast<std::uint32_t>(12 + lengths.size() + 2 + packets.bytes.size());
  if (s.params.container == Container::jp2) {
    const std::size_t total = framing_bytes(s, packets.lengths) + packets.bytes.size();
    write_jp2_boxes(out, s.frame, s.params.bit_depth, total);
  }
  write_main_header(out, s);
  if (s.tlm) {
    out.u16(tlm);
    out.u16(8);
    out.u8(0);     // Ztlm
    out.u8(0x40);  // Stlm: no tile index, 32-bit lengths
    out.u32(tile_part);
  }
  out.u16(sot);
  out.u16(10);
  out.u16(0);  // tile
  out.u32(tile_part);
  out.u8(0);  // tile-part
  out.u8(1);  // of one
  bytes.insert(bytes.end(), lengths.begin(), lengths.end());
  out.u16(sod);
  bytes.insert(bytes.end(), packets.bytes.begin(), packets.bytes.end());
  out.u16(eoc);
  return bytes;
}

}  // namespace flowroi
