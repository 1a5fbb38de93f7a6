// Tier-1 over a frame: every code-block quantised and coded, or quantised and put back.
#pragma once

#include <cstdint>
#include <span>

#include "geometry.hpp"
#include "kernels.hpp"
#include "quantizer.hpp"
#include "rate_control.hpp"
#include "scratch.hpp"

namespace flowroi {

// Coefficients and how they are quantised.
struct QuantizedFrame {
  const Geometry& geometry;
  const Kernels& kernels;
  Quantizer quantizer;
  const float* coefficients = nullptr;
  const float* roots = nullptr;  // root weights; null = all one
  // Max-shift (Annex H): these coefficients' indices are scaled by 2^shift.
  const std::uint8_t* shifted = nullptr;
  std::uint32_t shift = 0;
};

// Most bit-planes of the indices: [0] of all, [1] of those that `shifted` does not name.
struct BitPlanes {
  std::uint32_t all = 0;
  std::uint32_t unshifted = 0;
};
BitPlanes count_bit_planes(const QuantizedFrame& frame, Scratch::Buffers& buffers);

// Codes all blocks into buffers.blocks; returns the passes made.
std::size_t code_blocks(const QuantizedFrame& frame, bool with_distortion, Scratch::Buffers& buffers);

// Fills buffers.reconstruction as a decoder would from all passes, or from those that `allocation` keeps.
void reconstruct_all(const QuantizedFrame& frame, Scratch::Buffers& buffers);
void reconstruct_kept(const QuantizedFrame& frame, const Allocation& allocation, Scratch::Buffers& buffers);

// Distortion of one squared step in each block, in squared grey levels summed over the frame.
std::vector<float> block_scales(const QuantizedFrame& frame);

}  // namespace flowroi
