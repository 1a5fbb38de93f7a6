// Don't-care refinement (see refinement.hpp).
#include "refinement.hpp"

#include <cmath>

#include "quantizer.hpp"

namespace flowroi {
namespace {

// low_image(0) holds a reconstruction: turns it into the weighted residual against the frame.
void weighted_residual(const Frame& frame, std::uint32_t bit_depth, const PixelWeights& weights, const Geometry& g,
                       const Kernels& kernels, DwtBuffers& buffers, std::vector<float>& work) {
  float* image = buffers.low_image(g, 0);
  const std::size_t width = frame.width;
  work.resize(std::max<std::size_t>(work.size(), 2 * width));
  float* original = work.data();
  float* weight = original + width;
  const auto shift = static_cast<float>(1U << (bit_depth - 1));
  for (std::uint32_t y = 0; y < frame.height; ++y) {
    if (frame.samples8 != nullptr) {
      kernels.load8(frame.samples8 + y * width, original, width, shift);
    } else {
      kernels.load16(frame.samples16 + y * width, original, width, shift);
    }
    weights.row(y, kernels, weight);
    float* row = image + std::size_t{y} * g.low[0].stride;
    for (std::size_t x = 0; x < width; ++x) row[x] = weight[x] * (original[x] - row[x]);
  }
}

}  // namespace

int default_refinement(double scaling_factor) { return scaling_factor < 8 ? 0 : 1; }

void refine(const Frame& frame, std::uint32_t bit_depth, const PixelWeights& weights, const Geometry& g,
            const float* roots, double step, int iterations, const Kernels& kernels, DwtBuffers& buffers,
            std::vector<float>& work, float* coefficients) {
  std::vector<float> correction(g.coefficient_count);
  for (int i = 0; i < iterations; ++i) {
    for (const Subband& band : g.subbands) {
      const auto band_step = static_cast<float>(step * relative_step(band));
      for (std::uint32_t y = 0; y < band.height; ++y) {
        const std::size_t start = band.offset + std::size_t{y} * band.stride;
        kernels.threshold(coefficients + start, roots + start, band.width, band_step);
      }
    }
    inverse_97(coefficients, g, kernels, buffers);
    weighted_residual(frame, bit_depth, weights, g, kernels, buffers, work);
    forward_97(g, kernels, buffers, correction.data());
    // Weights are at most one and the basis is nearly orthonormal, so the whole correction is a step that never
    // overshoots (majorisation-minimisation); dividing it by the weights converges faster at first, then diverges.
    for (std::size_t k = 0; k < correction.size(); ++k) coefficients[k] += correction[k];
  }
}

}  // namespace flowroi
