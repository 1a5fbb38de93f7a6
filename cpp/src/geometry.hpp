// Where samples live: resolution levels, sub-bands and code-blocks of one tile-component (ISO/IEC 15444-1, Annex B).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace flowroi {

// The first letter is the horizontal filter: HL is horizontally high-pass, vertically low-pass.
enum class Orientation : std::uint8_t { ll = 0, hl = 1, lh = 2, hh = 3 };

struct CodeBlock {
  std::uint32_t x0 = 0;  // within the sub-band
  std::uint32_t y0 = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

struct Subband {
  Orientation orientation = Orientation::ll;
  std::uint32_t level = 0;  // decomposition level n_b: 1 is the finest
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t stride = 0;  // in samples, padded to whole cache lines
  std::size_t offset = 0;    // of the first sample in the coefficient buffer
  std::uint32_t blocks_x = 0;
  std::uint32_t blocks_y = 0;
  std::uint32_t first_block = 0;  // of this sub-band in Geometry::blocks

  // log2 of the nominal gain (E.1, table E.1)
  std::uint32_t gain() const { return orientation == Orientation::ll ? 0 : orientation == Orientation::hh ? 2 : 1; }
  std::uint32_t block_count() const { return blocks_x * blocks_y; }
};

// One level's LL: the frame itself at level 0.
struct LowBand {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t stride = 0;
};

struct Geometry {
  std::uint32_t levels = 0;
  std::vector<LowBand> low;       // [0..levels]
  std::vector<Subband> subbands;  // in codestream order: LL, then HL, LH, HH of each level, coarsest first
  std::vector<CodeBlock> blocks;  // of all sub-bands, in raster order within each
  std::size_t coefficient_count = 0;

  // Sub-bands [first, last) of resolution level r (0 = LL alone).
  std::size_t first_subband(std::uint32_t resolution) const { return resolution == 0 ? 0 : 3 * resolution - 2; }
  std::size_t last_subband(std::uint32_t resolution) const { return 3 * std::size_t{resolution} + 1; }
};

Geometry make_geometry(std::uint32_t width, std::uint32_t height, std::uint32_t levels,
                       std::uint32_t code_block_width_exp, std::uint32_t code_block_height_exp);

}  // namespace flowroi
