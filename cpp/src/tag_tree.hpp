// Tag trees (ISO/IEC 15444-1, B.10.2).
#pragma once

#include <cstdint>
#include <vector>

#include "bit_writer.hpp"

namespace flowroi {

class TagTree {
 public:
  TagTree(std::uint32_t width, std::uint32_t height);

  void set(std::uint32_t x, std::uint32_t y, std::uint32_t value) { nodes_[y * levels_[0].width + x].value = value; }
  // After all leaves are set: every inner node takes the smallest value below it.
  void build();
  // Codes whether the leaf's value is less than `threshold`, as far as the reader does not know it yet.
  void encode(std::uint32_t x, std::uint32_t y, std::uint32_t threshold, BitWriter& bits);

 private:
  struct Node {
    std::uint32_t value = 0;
    std::uint32_t low = 0;  // the reader knows that the value is at least this
    bool known = false;
  };
  struct Level {
    std::uint32_t width;
    std::uint32_t height;
    std::uint32_t first;
  };

  std::vector<Level> levels_;  // leaves first
  std::vector<Node> nodes_;
};

}  // namespace flowroi
