// The region of interest in the wavelet domain (see roi.hpp).
#include "roi.hpp"

#include <algorithm>
#include <cmath>

namespace flowroi {
namespace {

SquaredFilters squared_filters(bool reversible) {
  const double low_97[] = {1.115087052456994, 0.591271763114247, -0.057543526228500, -0.091271763114250};
  const double high_97[] = {0.602949018236360, -0.266864118442875, -0.078223266528990, 0.016864118442875,
                            0.026748757410810};
  const double low_53[] = {1.0, 0.5, 0, 0};
  const double high_53[] = {0.75, -0.25, -0.125, 0, 0};
  const auto normalise = [](const double* taps, std::size_t count, float* out) {
    double sum = taps[0] * taps[0];
    for (std::size_t k = 1; k < count; ++k) sum += 2 * taps[k] * taps[k];
    for (std::size_t k = 0; k < count; ++k) out[k] = static_cast<float>(taps[k] * taps[k] / sum);
  };
  SquaredFilters filters{};
  normalise(reversible ? low_53 : low_97, squared_low_taps, filters.low);
  normalise(reversible ? high_53 : high_97, squared_high_taps, filters.high);
  return filters;
}

constexpr std::uint32_t ring_rows = 16;
constexpr std::ptrdiff_t reach = 4;  // rows on either side that a filter needs

std::uint32_t reflected(std::ptrdiff_t y, std::uint32_t height) {
  if (height == 1) return 0;
  const auto period = static_cast<std::ptrdiff_t>(2 * (height - 1));
  y = ((y % period) + period) % period;
  return static_cast<std::uint32_t>(y < static_cast<std::ptrdiff_t>(height) ? y : period - y);
}

// Coefficients of one dimension that sample i depends on: low and high index ranges (F.3.8, steps traced back).
struct Reach {
  std::ptrdiff_t low_first, low_last, high_first, high_last;
};

Reach reach_of(std::ptrdiff_t i, bool reversible) {
  // Even sample 2k of the 5/3: low k, high k-1..k. Odd 2k+1: both even neighbours and high k.
  // The 9/7 repeats the two steps once more.
  const std::ptrdiff_t k = i / 2;
  const bool odd = i % 2 != 0;
  if (reversible) return odd ? Reach{k, k + 1, k - 1, k + 1} : Reach{k, k, k - 1, k};
  return odd ? Reach{k - 1, k + 2, k - 2, k + 2} : Reach{k - 1, k + 1, k - 2, k + 1};
}

}  // namespace

PixelWeights::PixelWeights(const Frame& frame, const Roi& roi, double scaling_factor)
    : roi_(roi), width_(frame.width), height_(frame.height) {
  if (roi.mask == nullptr && roi.weights == nullptr) return;
  if (roi.weights != nullptr) {
    const std::size_t count = weight_count(frame, roi);
    const float largest = *std::max_element(roi.weights, roi.weights + count);
    if (largest > 1) scale_ = 1 / largest;
    uniform_ = std::all_of(roi.weights, roi.weights + count, [&](float w) { return w == roi.weights[0]; });
  } else {
    const std::size_t count = std::size_t{frame.width} * frame.height;
    const auto is_roi = [](std::uint8_t m) { return m != 0; };
    const bool first = roi.mask[0] != 0;
    uniform_ = std::all_of(roi.mask, roi.mask + count, [&](std::uint8_t m) { return is_roi(m) == first; });
  }
  background_ = static_cast<float>(1.0 / (scaling_factor * scaling_factor));
  if (background_ >= 1) uniform_ = true;
  if (uniform_) background_ = 1;
}

void PixelWeights::row(std::uint32_t y, const Kernels& kernels, float* out) const {
  const std::size_t start = std::size_t{y} * width_;
  if (roi_.weights == nullptr) {
    kernels.mask_row(roi_.mask + start, out, width_, background_);
  } else if (roi_.weights_reduction == 2) {
    interpolated_row(y, out);
  } else {
    const float* weights = roi_.weights + start;
    const float slope = (1 - background_) * scale_;
    for (std::uint32_t x = 0; x < width_; ++x) out[x] = background_ + slope * weights[x];
  }
}

// Bilinear: a pixel lies a quarter of a weight's side from its centre.
void PixelWeights::interpolated_row(std::uint32_t y, float* out) const {
  const std::uint32_t width = width_ / 2 + width_ % 2;
  const std::uint32_t last = height_ / 2 + height_ % 2 - 1;
  const std::uint32_t near = y / 2;
  const std::uint32_t far = y % 2 == 0 ? near - (near > 0) : std::min(near + 1, last);
  const float* nearer = roi_.weights + std::size_t{near} * width;
  const float* farther = roi_.weights + std::size_t{far} * width;
  const float slope = (1 - background_) * scale_;
  blended_.resize(std::size_t{width} + 2);
  float* row = blended_.data() + 1;
  for (std::uint32_t k = 0; k < width; ++k) row[k] = background_ + slope * (0.75F * nearer[k] + 0.25F * farther[k]);
  row[-1] = row[0];
  row[width] = row[width - 1];
  for (std::uint32_t k = 0; k < width_ / 2; ++k) {
    out[2 * k] = 0.75F * row[k] + 0.25F * row[std::ptrdiff_t{k} - 1];
    out[2 * k + 1] = 0.75F * row[k] + 0.25F * row[k + 1];
  }
  if (width_ % 2 != 0) out[width_ - 1] = 0.75F * row[width - 1] + 0.25F * row[std::ptrdiff_t{width} - 2];
}

void root_weights(const PixelWeights& weights, const Geometry& g, bool reversible, const Kernels& kernels,
                  RoiBuffers& buffers, float* roots) {
  const SquaredFilters filters = squared_filters(reversible);
  const std::size_t stride = (g.low[0].width + 31) / 16 * 16;
  buffers.rows.resize(std::max(buffers.rows.size(), (ring_rows + 2) * stride));
  buffers.work.resize(std::max(buffers.work.size(), g.low[0].width + row_work));
  buffers.low.resize(std::max<std::size_t>(buffers.low.size(), g.levels + 1));
  float* low_row = buffers.rows.data() + ring_rows * stride;
  float* high_row = low_row + stride;
  for (std::uint32_t level = 1; level <= g.levels; ++level) {
    const LowBand& size = g.low[level - 1];
    const LowBand& half = g.low[level];
    std::vector<float>& low = buffers.low[level];
    low.resize(std::max(low.size(), std::size_t{half.stride} * half.height));
    const float* image = level > 1 ? buffers.low[level - 1].data() : nullptr;
    std::uint32_t loaded = 0;
    const auto row = [&](std::ptrdiff_t position) -> const float* {
      const std::uint32_t y = reflected(position, size.height);
      if (image != nullptr) return image + std::size_t{y} * size.stride;
      for (; loaded <= y; ++loaded) weights.row(loaded, kernels, buffers.rows.data() + (loaded % ring_rows) * stride);
      return buffers.rows.data() + (y % ring_rows) * stride;
    };
    const std::size_t first = g.first_subband(g.levels - level + 1);
    const auto split = [&](const float* samples, float* out_low, const Subband& high_band, std::uint32_t y) {
      float* out_high = roots + high_band.offset + std::size_t{y} * high_band.stride;
      kernels.spread_row(samples, size.width, filters, out_low, out_high, buffers.work.data());
      kernels.square_roots(out_high, out_high, high_band.width);
    };
    for (std::uint32_t k = 0; k < half.height; ++k) {
      const float* around[2 * reach + 2];
      for (std::ptrdiff_t d = -reach; d <= reach + 1; ++d) around[d + reach] = row(2 * std::ptrdiff_t{k} + d);
      if (size.height > 1) {
        kernels.spread_rows(around + reach, filters, low_row, high_row, size.width);
      } else {
        std::copy_n(around[reach], size.width, low_row);
      }
      split(low_row, low.data() + std::size_t{k} * half.stride, g.subbands[first], k);
      const Subband& lh = g.subbands[first + 1];
      if (k < lh.height) {
        float* out = roots + lh.offset + std::size_t{k} * lh.stride;
        split(high_row, out, g.subbands[first + 2], k);
        kernels.square_roots(out, out, lh.width);
      }
    }
  }
  const Subband& ll = g.subbands[0];
  for (std::uint32_t y = 0; y < ll.height; ++y) {
    float* out = roots + std::size_t{y} * ll.stride;
    if (g.levels == 0) {
      weights.row(y, kernels, out);
    } else {
      std::copy_n(buffers.low[g.levels].data() + std::size_t{y} * ll.stride, ll.width, out);
    }
    kernels.square_roots(out, out, ll.width);
  }
}

void support_mask(const PixelWeights& weights, const Geometry& g, bool reversible, RoiBuffers& buffers,
                  std::uint8_t* needed) {
  const LowBand& full = g.low[0];
  std::vector<std::uint8_t> image(std::size_t{full.width} * full.height);
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = weights.membership(i) > 0 ? 1 : 0;
  std::fill_n(needed, g.coefficient_count, std::uint8_t{0});
  // Marks what sample i of `n` needs along one dimension; `at(kind, index)` gives the flag of a low or high sample.
  const auto mark = [&](std::uint32_t i, std::uint32_t n, auto&& at) {
    if (n == 1) {
      at(0, 0) = 1;
      return;
    }
    const Reach r = reach_of(i, reversible);
    for (std::ptrdiff_t k = r.low_first; k <= r.low_last; ++k) at(0, reflected(2 * k, n) / 2) = 1;
    for (std::ptrdiff_t k = r.high_first; k <= r.high_last; ++k) at(1, reflected(2 * k + 1, n) / 2) = 1;
  };
  for (std::uint32_t level = 1; level <= g.levels; ++level) {
    const LowBand& size = g.low[level - 1];
    const LowBand& half = g.low[level];
    // Down the columns into low rows (first half) and high rows, then across.
    std::vector<std::uint8_t>& rows = buffers.support;
    rows.assign(image.size(), 0);
    for (std::uint32_t y = 0; y < size.height; ++y) {
      for (std::uint32_t x = 0; x < size.width; ++x) {
        if (image[std::size_t{y} * size.width + x] == 0) continue;
        mark(y, size.height, [&](int kind, std::uint32_t k) -> std::uint8_t& {
          return rows[std::size_t{k + (kind == 1 ? half.height : 0)} * size.width + x];
        });
      }
    }
    const std::size_t first = g.first_subband(g.levels - level + 1);
    std::vector<std::uint8_t> next(std::size_t{half.width} * half.height, 0);
    for (std::uint32_t y = 0; y < size.height; ++y) {
      const bool high_row = y >= half.height;
      const std::uint32_t k = high_row ? y - half.height : y;
      for (std::uint32_t x = 0; x < size.width; ++x) {
        if (rows[std::size_t{y} * size.width + x] == 0) continue;
        mark(x, size.width, [&](int kind, std::uint32_t j) -> std::uint8_t& {
          if (!high_row && kind == 0) return next[std::size_t{k} * half.width + j];
          const Subband& band = g.subbands[first + (high_row ? (kind == 0 ? 1 : 2) : 0)];
          return needed[band.offset + std::size_t{k} * band.stride + j];
        });
      }
    }
    image = std::move(next);
  }
  const Subband& ll = g.subbands[0];
  for (std::uint32_t y = 0; y < ll.height; ++y) {
    std::copy_n(image.data() + std::size_t{y} * ll.width, ll.width, needed + std::size_t{y} * ll.stride);
  }
}

}  // namespace flowroi
