// Where samples live: resolution levels, sub-bands and code-blocks of one tile-component (ISO/IEC 15444-1, Annex B).
#include "geometry.hpp"

#include <algorithm>

namespace flowroi {
namespace {

constexpr std::uint32_t samples_per_line = 16;

std::uint32_t padded(std::uint32_t width) {
  return (width + samples_per_line - 1) / samples_per_line * samples_per_line;
}

}  // namespace

Geometry make_geometry(std::uint32_t width, std::uint32_t height, std::uint32_t levels,
                       std::uint32_t code_block_width_exp, std::uint32_t code_block_height_exp) {
  Geometry g;
  g.levels = levels;
  g.low.push_back({width, height, padded(width)});
  for (std::uint32_t d = 1; d <= levels; ++d) {
    const LowBand& above = g.low.back();
    const std::uint32_t w = (above.width + 1) / 2;
    g.low.push_back({w, (above.height + 1) / 2, padded(w)});
  }
  const auto add = [&](Orientation orientation, std::uint32_t level, std::uint32_t w, std::uint32_t h) {
    Subband band;
    band.orientation = orientation;
    band.level = level;
    band.width = w;
    band.height = h;
    band.stride = padded(w);
    band.offset = g.coefficient_count;
    g.coefficient_count += std::size_t{band.stride} * h;
    const std::uint32_t bw = 1U << code_block_width_exp;
    const std::uint32_t bh = 1U << code_block_height_exp;
    band.first_block = static_cast<std::uint32_t>(g.blocks.size());
    if (w > 0 && h > 0) {
      band.blocks_x = (w + bw - 1) / bw;
      band.blocks_y = (h + bh - 1) / bh;
    }
    for (std::uint32_t y = 0; y < band.blocks_y; ++y) {
      for (std::uint32_t x = 0; x < band.blocks_x; ++x) {
        g.blocks.push_back({x * bw, y * bh, std::min(bw, w - x * bw), std::min(bh, h - y * bh)});
      }
    }
    g.subbands.push_back(band);
  };
  add(Orientation::ll, levels, g.low[levels].width, g.low[levels].height);
  for (std::uint32_t d = levels; d >= 1; --d) {
    const std::uint32_t high_width = g.low[d - 1].width / 2;
    const std::uint32_t high_height = g.low[d - 1].height / 2;
    add(Orientation::hl, d, high_width, g.low[d].height);
    add(Orientation::lh, d, g.low[d].width, high_height);
    add(Orientation::hh, d, high_width, high_height);
  }
  return g;
}

}  // namespace flowroi
