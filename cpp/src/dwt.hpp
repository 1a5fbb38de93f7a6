// The wavelet transforms of a frame: 9/7 irreversible and 5/3 reversible, forward and inverse
// (ISO/IEC 15444-1, Annex F).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "flowroi/encoder.hpp"
#include "geometry.hpp"
#include "kernels.hpp"

namespace flowroi {

// Rows and low-pass images in flight; kept from frame to frame.
struct DwtBuffers {
  std::vector<std::vector<float>> low;  // [level], level 0 only where a whole frame of floats is worked on
  std::vector<float> rows;
  std::vector<float> work;
  std::vector<std::int32_t> integers;

  float* low_image(const Geometry& geometry, std::uint32_t level);
};

// 9/7 of a frame after the level shift of 2^(bit_depth - 1); coefficients are laid out as `geometry` says.
void forward_97(const Frame& frame, std::uint32_t bit_depth, const Geometry& geometry, const Kernels& kernels,
                DwtBuffers& buffers, float* coefficients);
// 9/7 of the frame of floats in low_image(0).
void forward_97(const Geometry& geometry, const Kernels& kernels, DwtBuffers& buffers, float* coefficients);
// Back to low_image(0), still level-shifted.
void inverse_97(const float* coefficients, const Geometry& geometry, const Kernels& kernels, DwtBuffers& buffers);

// 5/3, exact; `frame_samples` are width * height integers, level-shifted, without padding.
void forward_53(std::span<const std::int32_t> frame_samples, const Geometry& geometry, DwtBuffers& buffers,
                std::int32_t* coefficients);
void inverse_53(const std::int32_t* coefficients, const Geometry& geometry, DwtBuffers& buffers,
                std::span<std::int32_t> frame_samples);

// L2 norm of a sub-band's synthesis basis functions.
double synthesis_norm(const Subband& band, bool reversible);

}  // namespace flowroi
