// Both transforms: perfect reconstruction at every size from 1x1, agreement of the SIMD variants bit for bit, norms,
// and the claim behind lossless RoIs: pixels depend on no other coefficients than support_mask names.
#include <cmath>

#include "check.hpp"
#include "dwt.hpp"
#include "roi.hpp"

namespace {

using namespace flowroi;

void reconstruct(std::uint32_t width, std::uint32_t height, std::uint32_t levels) {
  Random random(width * 131 + height * 7 + levels);
  const Geometry g = make_geometry(width, height, levels, 6, 6);
  std::vector<std::uint16_t> samples(std::size_t{width} * height);
  for (auto& s : samples) s = static_cast<std::uint16_t>(random());
  Frame frame;
  frame.samples16 = samples.data();
  frame.width = width;
  frame.height = height;

  DwtBuffers buffers;
  std::vector<float> coefficients(g.coefficient_count);
  forward_97(frame, 16, g, kernels_for(Simd::automatic), buffers, coefficients.data());
  std::vector<float> portable(g.coefficient_count);
  forward_97(frame, 16, g, kernels_portable(), buffers, portable.data());
  for (const Subband& band : g.subbands) {
    for (std::uint32_t y = 0; y < band.height; ++y) {
      for (std::uint32_t x = 0; x < band.width; ++x) {
        const std::size_t i = band.offset + std::size_t{y} * band.stride + x;
        CHECK(coefficients[i] == portable[i]);
      }
    }
  }
  inverse_97(coefficients.data(), g, kernels_for(Simd::automatic), buffers);
  double worst = 0;
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      const double got = static_cast<double>(buffers.low_image(g, 0)[std::size_t{y} * g.low[0].stride + x]) + 32768;
      worst = std::max(worst, std::abs(got - samples[std::size_t{y} * width + x]));
    }
  }
  CHECK(worst < 0.2);  // of 65536, in single precision

  std::vector<std::int32_t> integers(samples.begin(), samples.end());
  std::vector<std::int32_t> transformed(g.coefficient_count);
  std::vector<std::int32_t> back(integers.size());
  forward_53(integers, g, buffers, transformed.data());
  inverse_53(transformed.data(), g, buffers, back);
  CHECK(back == integers);
}

// Disturbs every coefficient that support_mask leaves out and looks at the RoI.
void support() {
  Random random(5);
  for (int trial = 0; trial < 60; ++trial) {
    const std::uint32_t width = 1 + random() % 40;
    const std::uint32_t height = 1 + random() % 40;
    const Geometry g = make_geometry(width, height, random() % 5, 6, 6);
    const std::size_t count = std::size_t{width} * height;
    std::vector<std::uint8_t> mask(count);
    for (auto& m : mask) m = random() % 23 == 0 ? 1 : 0;
    mask[random() % count] = 1;
    std::vector<std::int32_t> samples(count);
    for (auto& s : samples) s = static_cast<std::int32_t>(random() % 256) - 128;
    Frame frame;
    frame.width = width;
    frame.height = height;
    Roi roi;
    roi.mask = mask.data();
    const PixelWeights weights(frame, roi, 5);
    DwtBuffers buffers;
    RoiBuffers roi_buffers;
    std::vector<std::int32_t> coefficients(g.coefficient_count);
    std::vector<std::uint8_t> needed(g.coefficient_count);
    forward_53(samples, g, buffers, coefficients.data());
    support_mask(weights, g, true, roi_buffers, needed.data());
    for (std::size_t i = 0; i < coefficients.size(); ++i) {
      if (needed[i] == 0) coefficients[i] += static_cast<std::int32_t>(random() % 64) - 32;
    }
    std::vector<std::int32_t> back(count);
    inverse_53(coefficients.data(), g, buffers, back);
    for (std::size_t i = 0; i < count; ++i) {
      if (mask[i] != 0) CHECK(back[i] == samples[i]);
    }
  }
}

// The norm of one basis function, by transforming it back.
void norms() {
  const Geometry g = make_geometry(512, 512, 4, 6, 6);
  const Kernels& kernels = kernels_for(Simd::automatic);
  for (const Subband& band : g.subbands) {
    DwtBuffers buffers;
    std::vector<float> coefficients(g.coefficient_count);
    coefficients[band.offset + std::size_t{band.height / 2} * band.stride + band.width / 2] = 1;
    inverse_97(coefficients.data(), g, kernels, buffers);
    double energy = 0;
    for (std::size_t i = 0; i < std::size_t{512} * 512; ++i) {
      energy += std::pow(static_cast<double>(buffers.low_image(g, 0)[i]), 2);
    }
    CHECK(std::abs(std::sqrt(energy) / synthesis_norm(band, false) - 1) < 1e-3);
  }
}

// Weights: constant stays constant, and the mean under a fine basis function is exact.
void weights() {
  const std::uint32_t side = 64;
  const Geometry g = make_geometry(side, side, 3, 6, 6);
  const Kernels& kernels = kernels_for(Simd::automatic);
  std::vector<std::uint8_t> mask(side * side, 0);
  Random random(9);
  for (auto& m : mask) m = random() % 3 == 0 ? 1 : 0;
  Frame frame;
  frame.width = side;
  frame.height = side;
  Roi roi;
  roi.mask = mask.data();
  const PixelWeights pixel_weights(frame, roi, 4);
  RoiBuffers roi_buffers;
  std::vector<float> roots(g.coefficient_count);
  root_weights(pixel_weights, g, false, kernels, roi_buffers, roots.data());
  const Subband& band = g.subbands.back();  // HH of level 1
  for (const std::uint32_t at : {0U, 3U, 15U, 31U}) {
    DwtBuffers buffers;
    std::vector<float> coefficients(g.coefficient_count);
    const std::size_t i = band.offset + std::size_t{at} * band.stride + 31 - at;
    coefficients[i] = 1;
    inverse_97(coefficients.data(), g, kernels, buffers);
    double weighted = 0;
    double plain = 0;
    for (std::uint32_t p = 0; p < side * side; ++p) {
      const double square = std::pow(static_cast<double>(buffers.low_image(g, 0)[p]), 2);
      plain += square;
      weighted += square * (mask[p] != 0 ? 1.0 : 1.0 / 16);
    }
    const double got = std::pow(static_cast<double>(roots[i]), 2);
    const bool inside = at > 2 && at < 29;
    CHECK(std::abs(got - weighted / plain) < (inside ? 1e-4 : 0.15));
  }
}

}  // namespace

int main() {
  for (std::uint32_t width : {1U, 2U, 3U, 4U, 5U, 8U, 9U, 16U, 17U, 31U, 33U, 64U, 65U}) {
    for (std::uint32_t height : {1U, 2U, 3U, 4U, 5U, 7U, 8U, 16U, 19U, 33U, 64U}) {
      for (std::uint32_t levels : {0U, 1U, 2U, 3U, 6U}) reconstruct(width, height, levels);
    }
  }
  support();
  norms();
  weights();
  return failures;
}
