// Markers of the codestream (ISO/IEC 15444-1, Annex A) and the boxes of a JP2 file (Annex I).
#pragma once

#include <cstdint>
#include <vector>

#include "flowroi/encoder.hpp"
#include "geometry.hpp"
#include "packet_writer.hpp"
#include "quantizer.hpp"

namespace flowroi {

struct StreamLayout {
  const Params& params;
  const Frame& frame;
  const Geometry& geometry;
  const Quantizer& quantizer;
  std::uint32_t roi_shift = 0;  // RGN, 0 = none
  bool tlm = false;
  bool plt = false;
};

// Bytes of everything but the packets; PLT depends on the packets' lengths.
std::size_t framing_bytes(const StreamLayout& layout, const std::vector<std::uint32_t>& packet_lengths);

std::vector<std::uint8_t> write_stream(const StreamLayout& layout, const Packets& packets);

}  // namespace flowroi
