// Tier-2: packets and their headers (ISO/IEC 15444-1, B.9 and B.10).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "block_encoder.hpp"
#include "geometry.hpp"
#include "quantizer.hpp"
#include "rate_control.hpp"
#include "tag_tree.hpp"

namespace flowroi {

struct Packets {
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint32_t> lengths;  // of each packet, for PLT
  std::size_t header_bytes = 0;
};

// Every packet of the tile in progression order. With one component and one precinct a resolution there are only two
// orders: layer by layer (LRCP) and resolution by resolution (the other four). `zero_planes` = missing bit-planes of
// each block. With `headers_only` the bodies are counted, not copied.
Packets write_packets(const Geometry& geometry, std::span<const BlockOutput> blocks,
                      std::span<const std::uint32_t> zero_planes, const Allocation& allocation, Progression progression,
                      bool headers_only);

}  // namespace flowroi
