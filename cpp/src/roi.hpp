// The region of interest in the wavelet domain: how much an error of each coefficient weighs.
// An error e of coefficient c adds e^2 * sum over pixels of w(x) * phi_c(x)^2 to the weighted squared error, phi_c
// being the coefficient's synthesis basis function. Relative to w = 1 everywhere this is a mean of w under phi_c^2,
// computed level by level with the squared synthesis filters (exact in the finest level, cross terms left out in
// coarser ones).
#pragma once

#include <vector>

#include "dwt.hpp"
#include "flowroi/encoder.hpp"
#include "geometry.hpp"
#include "kernels.hpp"

namespace flowroi {

struct RoiBuffers {
  std::vector<std::vector<float>> low;  // mean pixel weights at each level
  std::vector<float> rows;
  std::vector<float> work;
  std::vector<std::uint8_t> support;
};

// Pixel weights of a frame: 1 in the RoI, 1 / s^2 in the background, linear in between for float weights, which are
// taken relative to their maximum (if above one). Where there is a mask, too, it is what PSNR and losslessness are
// about.
class PixelWeights {
 public:
  PixelWeights(const Frame& frame, const Roi& roi, double scaling_factor);
  float background() const { return background_; }
  // Whether every pixel weighs the same, which is plain coding.
  bool uniform() const { return uniform_; }
  // Weights of a row of pixels; one thread at a time.
  void row(std::uint32_t y, const Kernels& kernels, float* out) const;
  // Share of pixel i in the RoI, 0 to 1; for PSNR.
  float membership(std::size_t i) const {
    if (roi_.mask != nullptr) return roi_.mask[i] != 0 ? 1.0F : 0.0F;
    return roi_.weights != nullptr ? roi_.weights[i] * scale_ : 1.0F;
  }

 private:
  void interpolated_row(std::uint32_t y, float* out) const;

  Roi roi_;
  std::uint32_t width_;
  std::uint32_t height_;
  mutable std::vector<float> blended_;
  float background_ = 1;
  float scale_ = 1;
  bool uniform_ = true;
};

// Square roots of the relative weights, laid out like the coefficients.
void root_weights(const PixelWeights& weights, const Geometry& geometry, bool reversible, const Kernels& kernels,
                  RoiBuffers& buffers, float* roots);

// 1 for each coefficient on which a pixel with membership > 0 depends through the inverse transform, else 0; laid out
// like the coefficients.
void support_mask(const PixelWeights& weights, const Geometry& geometry, bool reversible, RoiBuffers& buffers,
                  std::uint8_t* needed);

}  // namespace flowroi
