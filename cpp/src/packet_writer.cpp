// Tier-2: packets and their headers (ISO/IEC 15444-1, B.9 and B.10).
#include "packet_writer.hpp"

#include <bit>

namespace flowroi {
namespace {

// What the reader knows of one sub-band's blocks so far.
struct SubbandState {
  TagTree inclusion;
  TagTree zero_planes;
  std::vector<std::uint32_t> length_bits;  // Lblock

  SubbandState(const Subband& band, std::span<const std::uint32_t> missing, const Allocation& allocation)
      : inclusion(band.blocks_x, band.blocks_y),
        zero_planes(band.blocks_x, band.blocks_y),
        length_bits(band.block_count(), 3) {
    for (std::uint32_t y = 0; y < band.blocks_y; ++y) {
      for (std::uint32_t x = 0; x < band.blocks_x; ++x) {
        const std::uint32_t block = band.first_block + y * band.blocks_x + x;
        std::uint32_t layer = 0;
        while (layer < allocation.layers() && allocation.passes(block, layer) == 0) ++layer;
        inclusion.set(x, y, layer);
        zero_planes.set(x, y, missing[block]);
      }
    }
    inclusion.build();
    zero_planes.build();
  }
};

// Table B.4.
void put_pass_count(std::uint32_t passes, BitWriter& bits) {
  if (passes == 1) {
    bits.put(0);
  } else if (passes == 2) {
    bits.put_bits(0b10, 2);
  } else if (passes <= 5) {
    bits.put_bits(0b11, 2);
    bits.put_bits(passes - 3, 2);
  } else if (passes <= 36) {
    bits.put_bits(0b1111, 4);
    bits.put_bits(passes - 6, 5);
  } else {
    bits.put_bits(0b111111111, 9);
    bits.put_bits(passes - 37, 7);
  }
}

std::uint32_t length_after(const BlockOutput& block, std::uint32_t passes) {
  return passes == 0 ? 0 : block.passes[passes - 1].length;
}

class PacketWriter {
 public:
  PacketWriter(const Geometry& geometry, std::span<const BlockOutput> blocks,
               std::span<const std::uint32_t> zero_planes, const Allocation& allocation, bool headers_only)
      : geometry_(geometry),
        blocks_(blocks),
        missing_(zero_planes),
        allocation_(allocation),
        headers_only_(headers_only) {
    states_.reserve(geometry.subbands.size());
    for (const Subband& band : geometry.subbands) states_.emplace_back(band, zero_planes, allocation);
  }

  void packet(std::uint32_t layer, std::uint32_t resolution) {
    const std::size_t before = out_.bytes.size();
    std::size_t body_bytes = 0;
    BitWriter bits(out_.bytes);
    bits.put(1);
    for (std::size_t s = geometry_.first_subband(resolution); s < geometry_.last_subband(resolution); ++s) {
      header_of(geometry_.subbands[s], states_[s], layer, bits);
    }
    bits.finish();
    const std::size_t header = out_.bytes.size() - before;
    for (std::size_t s = geometry_.first_subband(resolution); s < geometry_.last_subband(resolution); ++s) {
      body_bytes += body_of(geometry_.subbands[s], layer);
    }
    out_.header_bytes += header;
    out_.lengths.push_back(static_cast<std::uint32_t>(header + body_bytes));
  }

  Packets take() { return std::move(out_); }

 private:
  std::uint32_t passes_before(std::uint32_t block, std::uint32_t layer) const {
    return layer == 0 ? 0 : allocation_.passes(block, layer - 1);
  }

  void header_of(const Subband& band, SubbandState& state, std::uint32_t layer, BitWriter& bits) {
    for (std::uint32_t y = 0; y < band.blocks_y; ++y) {
      for (std::uint32_t x = 0; x < band.blocks_x; ++x) {
        const std::uint32_t local = y * band.blocks_x + x;
        const std::uint32_t block = band.first_block + local;
        const std::uint32_t before = passes_before(block, layer);
        const std::uint32_t now = allocation_.passes(block, layer);
        if (before == 0) {
          state.inclusion.encode(x, y, layer + 1, bits);
        } else {
          bits.put(now > before ? 1 : 0);
        }
        if (now == before) continue;
        if (before == 0) state.zero_planes.encode(x, y, missing_[block] + 1, bits);
        const std::uint32_t passes = now - before;
        put_pass_count(passes, bits);
        const std::uint32_t length = length_after(blocks_[block], now) - length_after(blocks_[block], before);
        std::uint32_t& length_bits = state.length_bits[local];
        const auto extra = static_cast<std::uint32_t>(std::bit_width(passes)) - 1;
        const auto needed = static_cast<std::uint32_t>(std::bit_width(length));
        while (length_bits + extra < needed) {
          bits.put(1);
          ++length_bits;
        }
        bits.put(0);
        bits.put_bits(length, length_bits + extra);
      }
    }
  }

  std::size_t body_of(const Subband& band, std::uint32_t layer) {
    std::size_t total = 0;
    for (std::uint32_t block = band.first_block; block < band.first_block + band.block_count(); ++block) {
      const std::uint32_t first = length_after(blocks_[block], passes_before(block, layer));
      const std::uint32_t last = length_after(blocks_[block], allocation_.passes(block, layer));
      total += last - first;
      if (!headers_only_) {
        const std::uint8_t* bytes = blocks_[block].bytes.data();
        out_.bytes.insert(out_.bytes.end(), bytes + first, bytes + last);
      }
    }
    return total;
  }

  const Geometry& geometry_;
  std::span<const BlockOutput> blocks_;
  std::span<const std::uint32_t> missing_;
  const Allocation& allocation_;
  bool headers_only_;
  std::vector<SubbandState> states_;
  Packets out_;
};

}  // namespace

Packets write_packets(const Geometry& geometry, std::span<const BlockOutput> blocks,
                      std::span<const std::uint32_t> zero_planes, const Allocation& allocation, Progression progression,
                      bool headers_only) {
  PacketWriter writer(geometry, blocks, zero_planes, allocation, headers_only);
  if (progression == Progression::lrcp) {
    for (std::uint32_t layer = 0; layer < allocation.layers(); ++layer) {
      for (std::uint32_t r = 0; r <= geometry.levels; ++r) writer.packet(layer, r);
    }
  } else {
    for (std::uint32_t r = 0; r <= geometry.levels; ++r) {
      for (std::uint32_t layer = 0; layer < allocation.layers(); ++layer) writer.packet(layer, r);
    }
  }
  return writer.take();
}

}  // namespace flowroi
