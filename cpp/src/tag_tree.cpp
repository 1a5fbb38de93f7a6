// Tag trees (ISO/IEC 15444-1, B.10.2).
#include "tag_tree.hpp"

#include <algorithm>

namespace flowroi {

TagTree::TagTree(std::uint32_t width, std::uint32_t height) {
  std::uint32_t first = 0;
  while (width > 0 && height > 0) {
    levels_.push_back({width, height, first});
    first += width * height;
    if (width == 1 && height == 1) break;
    width = (width + 1) / 2;
    height = (height + 1) / 2;
  }
  nodes_.resize(first);
}

void TagTree::build() {
  for (std::size_t level = 1; level < levels_.size(); ++level) {
    const Level& here = levels_[level];
    const Level& below = levels_[level - 1];
    for (std::uint32_t y = 0; y < here.height; ++y) {
      for (std::uint32_t x = 0; x < here.width; ++x) {
        std::uint32_t smallest = UINT32_MAX;
        for (std::uint32_t cy = 2 * y; cy < std::min(2 * y + 2, below.height); ++cy) {
          for (std::uint32_t cx = 2 * x; cx < std::min(2 * x + 2, below.width); ++cx) {
            smallest = std::min(smallest, nodes_[below.first + cy * below.width + cx].value);
          }
        }
        nodes_[here.first + y * here.width + x].value = smallest;
      }
    }
  }
}

void TagTree::encode(std::uint32_t x, std::uint32_t y, std::uint32_t threshold, BitWriter& bits) {
  std::uint32_t low = 0;
  for (std::size_t level = levels_.size(); level-- > 0;) {
    const Level& here = levels_[level];
    Node& node = nodes_[here.first + (y >> level) * here.width + (x >> level)];
    low = std::max(low, node.low);
    while (low < threshold && !node.known) {
      if (node.value <= low) {
        bits.put(1);
        node.known = true;
      } else {
        bits.put(0);
        ++low;
      }
    }
    node.low = low;
  }
}

}  // namespace flowroi
