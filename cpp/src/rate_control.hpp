// Post-compression rate-distortion optimisation: which coding passes go into which quality layer
// (ISO/IEC 15444-1, J.14.3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "block_encoder.hpp"

namespace flowroi {

// For every block and layer, the number of passes in layers 0..layer.
class Allocation {
 public:
  Allocation(std::size_t blocks, std::uint32_t layers) : layers_(layers), passes_(blocks * layers, 0) {}
  std::uint32_t layers() const { return layers_; }
  std::uint16_t& passes(std::size_t block, std::uint32_t layer) { return passes_[block * layers_ + layer]; }
  std::uint16_t passes(std::size_t block, std::uint32_t layer) const { return passes_[block * layers_ + layer]; }
  std::uint16_t final_passes(std::size_t block) const { return passes(block, layers_ - 1); }

 private:
  std::uint32_t layers_;
  std::vector<std::uint16_t> passes_;
};

// A block's passes up to `passes`, worth taking together: a vertex of the convex hull of its rate-distortion curve.
struct HullStep {
  float slope;  // weighted distortion removed per byte
  std::uint32_t block;
  std::uint16_t passes;
  std::uint32_t bytes;  // of this step
};

// All steps of all blocks, steepest first; steps of one block stay in order. `scales` turns each block's distortion
// into a common unit.
std::vector<HullStep> hull_steps(std::span<const BlockOutput> blocks, std::span<const float> scales);

// Everything, in one layer or spread over several by slope.
Allocation allocate_all(std::span<const BlockOutput> blocks, std::span<const HullStep> steps, std::uint32_t layers);

// The steps that remove at least `slope` of weighted distortion per byte.
Allocation allocate_slope(std::span<const BlockOutput> blocks, std::span<const HullStep> steps, double slope,
                          std::uint32_t layers);

// The steepest steps that fit into `budget` bytes; `size_of` gives the stream's exact size for an allocation. With
// several layers, each earlier one gets half the bytes of the next. Returns false if not even an empty frame fits.
bool allocate_budget(std::span<const BlockOutput> blocks, std::span<const HullStep> steps, std::size_t budget,
                     const std::function<std::size_t(const Allocation&)>& size_of, Allocation& allocation);

}  // namespace flowroi
