// The wavelet transforms of a frame (ISO/IEC 15444-1, Annex F): the order of rows and levels. The loops over samples
// are in kernels.inc.hpp (9/7).
#include "dwt.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace flowroi {
namespace {

// Scales of low and high rows in one dimension; a single sample is not transformed.
struct Scales {
  float low;
  float high;
};

Scales analysis_scales(std::uint32_t length) { return length > 1 ? Scales{1.0F / lift_k, lift_k} : Scales{1.0F, 1.0F}; }

Scales synthesis_scales(std::uint32_t length) {
  return length > 1 ? Scales{lift_k, 1.0F / lift_k} : Scales{1.0F, 1.0F};
}

constexpr std::uint32_t ring_rows = 4;

// A few rows that are reused in turn.
class Ring {
 public:
  Ring(float* rows, std::size_t stride) : rows_(rows), stride_(stride) {}
  float* operator[](std::uint32_t row) const { return rows_ + (row % ring_rows) * stride_; }

 private:
  float* rows_;
  std::size_t stride_;
};

// The four sub-bands that one level splits into; `ll` may be the next level's image.
struct LevelBands {
  float* ll;
  std::size_t ll_stride;
  float* hl;
  std::size_t hl_stride;
  float* lh;
  std::size_t lh_stride;
  float* hh;
  std::size_t hh_stride;
};

LevelBands bands_of_level(const Geometry& g, std::uint32_t level, float* coefficients, DwtBuffers& buffers) {
  const std::size_t first = g.first_subband(g.levels - level + 1);
  const Subband& hl = g.subbands[first];
  const Subband& lh = g.subbands[first + 1];
  const Subband& hh = g.subbands[first + 2];
  const bool last = level == g.levels;
  return {last ? coefficients : buffers.low_image(g, level),
          last ? g.subbands[0].stride : g.low[level].stride,
          coefficients + hl.offset,
          hl.stride,
          coefficients + lh.offset,
          lh.stride,
          coefficients + hh.offset,
          hh.stride};
}

// Rows of a frame as level-shifted floats, in order; a row stays for as long as the ring holds it.
class FrameRows {
 public:
  FrameRows(const Frame& frame, float shift, const Kernels& kernels, Ring ring)
      : frame_(frame), shift_(shift), kernels_(kernels), ring_(ring) {}

  const float* operator()(std::uint32_t y) {
    for (; loaded_ <= y; ++loaded_) {
      const std::size_t start = std::size_t{loaded_} * frame_.width;
      if (frame_.samples8 != nullptr) {
        kernels_.load8(frame_.samples8 + start, ring_[loaded_], frame_.width, shift_);
      } else {
        kernels_.load16(frame_.samples16 + start, ring_[loaded_], frame_.width, shift_);
      }
    }
    return ring_[y];
  }

 private:
  const Frame& frame_;
  float shift_;
  const Kernels& kernels_;
  Ring ring_;
  std::uint32_t loaded_ = 0;
};

std::size_t row_stride(std::uint32_t width) { return (width + 31) / 16 * 16; }

float* row_buffers(DwtBuffers& buffers, std::uint32_t width) {
  const std::size_t needed = 4 * ring_rows * row_stride(width);
  if (buffers.rows.size() < needed) buffers.rows.resize(needed);
  if (buffers.work.size() < width + row_work) buffers.work.resize(width + row_work);
  return buffers.rows.data();
}

// One level of analysis: vertical lifting in step with the rows that come in (F.4.8), each finished row split at once.
template <typename Rows>
void analyse_level(Rows&& row, const LowBand& size, const LevelBands& out, const Kernels& kernels, Ring low, Ring high,
                   float* work) {
  const Scales across = analysis_scales(size.width);
  const Scales down = analysis_scales(size.height);
  const std::size_t n = size.width;
  const auto emit_low = [&](std::uint32_t y, const float* samples) {
    kernels.analyse_row(samples, n, out.ll + y * out.ll_stride, out.hl + y * out.hl_stride, down.low * across.low,
                        down.low * across.high, work);
  };
  const auto emit_high = [&](std::uint32_t y, const float* samples) {
    kernels.analyse_row(samples, n, out.lh + y * out.lh_stride, out.hh + y * out.hh_stride, down.high * across.low,
                        down.high * across.high, work);
  };
  if (size.height == 1) {
    emit_low(0, row(0));
    return;
  }
  // Finishes pair k once the next even row (or its mirror image) has been through the second lifting step.
  const auto finish = [&](std::uint32_t k, const float* next_low) {
    kernels.lift(high[k], high[k], low[k], next_low, lift_gamma, n);
    kernels.lift(low[k], low[k], high[k > 0 ? k - 1 : 0], high[k], lift_delta, n);
    emit_low(k, low[k]);
    emit_high(k, high[k]);
  };
  const std::uint32_t pairs = size.height / 2;
  for (std::uint32_t k = 0; k < pairs; ++k) {
    const float* next_even = 2 * k + 2 < size.height ? row(2 * k + 2) : row(2 * k);
    kernels.lift(high[k], row(2 * k + 1), row(2 * k), next_even, lift_alpha, n);
    kernels.lift(low[k], row(2 * k), high[k > 0 ? k - 1 : 0], high[k], lift_beta, n);
    if (k > 0) finish(k - 1, low[k]);
  }
  if (size.height % 2 == 0) {
    finish(pairs - 1, low[pairs - 1]);
    return;
  }
  kernels.lift(low[pairs], row(2 * pairs), high[pairs - 1], high[pairs - 1], lift_beta, n);
  finish(pairs - 1, low[pairs]);
  kernels.lift(low[pairs], low[pairs], high[pairs - 1], high[pairs - 1], lift_delta, n);
  emit_low(pairs, low[pairs]);
}

// One level of synthesis, the mirror image of analyse_level (F.3.8).
void synthesise_level(const LevelBands& in, const LowBand& size, float* out, std::size_t stride, const Kernels& kernels,
                      Ring low, Ring high, float* work) {
  const Scales across = synthesis_scales(size.width);
  const Scales down = synthesis_scales(size.height);
  const std::size_t n = size.width;
  const auto load_low = [&](std::uint32_t y, float* samples) {
    kernels.synthesise_row(in.ll + y * in.ll_stride, in.hl + y * in.hl_stride, n, samples, down.low * across.low,
                           down.low * across.high, work);
  };
  const auto load_high = [&](std::uint32_t y, float* samples) {
    kernels.synthesise_row(in.lh + y * in.lh_stride, in.hh + y * in.hh_stride, n, samples, down.high * across.low,
                           down.high * across.high, work);
  };
  const auto sample = [&](std::uint32_t y) { return out + y * stride; };
  if (size.height == 1) {
    load_low(0, sample(0));
    return;
  }
  // With s1 of pair k (in low[k]) and of the next (or its mirror image) at hand: d1, the even row, the odd row before.
  const auto finish = [&](std::uint32_t k, const float* next_low) {
    kernels.lift(high[k], high[k], low[k], next_low, -lift_gamma, n);
    kernels.lift(sample(2 * k), low[k], high[k > 0 ? k - 1 : 0], high[k], -lift_beta, n);
    if (k > 0) kernels.lift(sample(2 * k - 1), high[k - 1], sample(2 * k - 2), sample(2 * k), -lift_alpha, n);
  };
  const std::uint32_t pairs = size.height / 2;
  for (std::uint32_t k = 0; k < pairs; ++k) {
    load_low(k, low[k]);
    load_high(k, high[k]);
    kernels.lift(low[k], low[k], high[k > 0 ? k - 1 : 0], high[k], -lift_delta, n);
    if (k > 0) finish(k - 1, low[k]);
  }
  const std::uint32_t last = pairs - 1;
  if (size.height % 2 == 0) {
    finish(last, low[last]);
    kernels.lift(sample(2 * last + 1), high[last], sample(2 * last), sample(2 * last), -lift_alpha, n);
    return;
  }
  load_low(pairs, low[pairs]);
  kernels.lift(low[pairs], low[pairs], high[last], high[last], -lift_delta, n);
  finish(last, low[pairs]);
  kernels.lift(sample(2 * pairs), low[pairs], high[last], high[last], -lift_beta, n);
  kernels.lift(sample(2 * last + 1), high[last], sample(2 * last), sample(2 * pairs), -lift_alpha, n);
}

void analyse_from(std::uint32_t first_level, const Geometry& g, const Kernels& kernels, DwtBuffers& buffers,
                  float* coefficients, float* rows, std::size_t stride) {
  for (std::uint32_t level = first_level; level <= g.levels; ++level) {
    const LowBand& size = g.low[level - 1];
    const float* image = buffers.low_image(g, level - 1);
    const LevelBands out = bands_of_level(g, level, coefficients, buffers);
    analyse_level([&](std::uint32_t y) { return image + std::size_t{y} * size.stride; }, size, out, kernels,
                  Ring(rows, stride), Ring(rows + ring_rows * stride, stride), buffers.work.data());
  }
}

// In place on `n` integers `step` apart (F.4.8.1 and F.3.8.1); floor division by the arithmetic shift.
template <bool Forward>
void lift_53(std::int32_t* x, std::ptrdiff_t n, std::ptrdiff_t step) {
  if (n == 1) return;
  const auto at = [&](std::ptrdiff_t i) -> std::int32_t& {
    const std::ptrdiff_t mirrored = i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
    return x[mirrored * step];
  };
  const auto predict = [&] {
    for (std::ptrdiff_t i = 1; i < n; i += 2) {
      const std::int32_t d = (at(i - 1) + at(i + 1)) >> 1;
      x[i * step] += Forward ? -d : d;
    }
  };
  const auto update = [&] {
    for (std::ptrdiff_t i = 0; i < n; i += 2) {
      const std::int32_t d = (at(i - 1) + at(i + 1) + 2) >> 2;
      x[i * step] += Forward ? d : -d;
    }
  };
  if (Forward) {
    predict();
    update();
  } else {
    update();
    predict();
  }
}

// The same down all columns at once, row by row, so that memory is read in order.
template <bool Forward>
void lift_columns_53(std::int32_t* image, std::ptrdiff_t width, std::ptrdiff_t height, std::ptrdiff_t stride) {
  if (height == 1) return;
  const auto row = [&](std::ptrdiff_t y) {
    return image + (y < 0 ? -y : y >= height ? 2 * (height - 1) - y : y) * stride;
  };
  const auto pass = [&](std::ptrdiff_t first) {
    for (std::ptrdiff_t y = first; y < height; y += 2) {
      std::int32_t* out = row(y);
      const std::int32_t* above = row(y - 1);
      const std::int32_t* below = row(y + 1);
      if (first == 1) {
        for (std::ptrdiff_t x = 0; x < width; ++x) {
          const std::int32_t d = (above[x] + below[x]) >> 1;
          out[x] += Forward ? -d : d;
        }
      } else {
        for (std::ptrdiff_t x = 0; x < width; ++x) {
          const std::int32_t d = (above[x] + below[x] + 2) >> 2;
          out[x] += Forward ? d : -d;
        }
      }
    }
  };
  pass(Forward ? 1 : 0);
  pass(Forward ? 0 : 1);
}

// Where sample (x, y) of a level's image goes: LL keeps its place in the image's corner grid, the rest are sub-bands.
template <typename Move>
void for_each_high_sample(const Geometry& g, std::uint32_t level, Move&& move) {
  const LowBand& size = g.low[level - 1];
  const std::size_t first = g.first_subband(g.levels - level + 1);
  for (std::uint32_t y = 0; y < size.height; ++y) {
    for (std::uint32_t x = 0; x < size.width; ++x) {
      if (x % 2 == 0 && y % 2 == 0) continue;
      const Subband& band = g.subbands[first + (y % 2 == 0 ? 0 : x % 2 == 0 ? 1 : 2)];
      move(x, y, band.offset + std::size_t{y / 2} * band.stride + x / 2);
    }
  }
}

// Norms of the one-dimensional basis functions: [0] low, [1] high, by level; from the impulse responses.
using NormTable = std::array<std::array<double, 33>, 2>;

NormTable make_norms(bool reversible) {
  const std::vector<double> low_97 = {-0.091271763114250, -0.057543526228500, 0.591271763114247, 1.115087052456994,
                                      0.591271763114247,  -0.057543526228500, -0.091271763114250};
  const std::vector<double> high_97 = {0.026748757410810,  0.016864118442875, -0.078223266528990,
                                       -0.266864118442875, 0.602949018236360, -0.266864118442875,
                                       -0.078223266528990, 0.016864118442875, 0.026748757410810};
  const std::vector<double> low_53 = {0.5, 1.0, 0.5};
  const std::vector<double> high_53 = {-0.125, -0.25, 0.75, -0.25, -0.125};
  const std::vector<double>& low = reversible ? low_53 : low_97;
  std::vector<double> basis[2] = {{1.0}, reversible ? high_53 : high_97};
  const auto energy = [](const std::vector<double>& f) {
    double sum = 0;
    for (const double v : f) sum += v * v;
    return std::sqrt(sum);
  };
  const auto spread = [&low](const std::vector<double>& f) {
    std::vector<double> out(2 * f.size() - 1 + low.size() - 1, 0.0);
    for (std::size_t i = 0; i < f.size(); ++i) {
      for (std::size_t k = 0; k < low.size(); ++k) out[2 * i + k] += f[i] * low[k];
    }
    return out;
  };
  constexpr std::size_t exact_levels = 9;
  NormTable norms{};
  norms[0][0] = 1;
  basis[0] = low;
  for (std::size_t level = 1; level < norms[0].size(); ++level) {
    for (std::size_t kind = 0; kind < 2; ++kind) {
      if (level <= exact_levels) {
        norms[kind][level] = energy(basis[kind]);
        basis[kind] = spread(basis[kind]);
      } else {
        norms[kind][level] = norms[kind][level - 1] * std::sqrt(2.0);
      }
    }
  }
  return norms;
}

}  // namespace

float* DwtBuffers::low_image(const Geometry& geometry, std::uint32_t level) {
  if (low.size() <= level) low.resize(level + 1);
  const std::size_t needed = std::size_t{geometry.low[level].stride} * geometry.low[level].height;
  if (low[level].size() < needed) low[level].resize(needed);
  return low[level].data();
}

void forward_97(const Frame& frame, std::uint32_t bit_depth, const Geometry& geometry, const Kernels& kernels,
                DwtBuffers& buffers, float* coefficients) {
  const std::size_t stride = row_stride(frame.width);
  float* rows = row_buffers(buffers, frame.width);
  FrameRows input(frame, static_cast<float>(1U << (bit_depth - 1)), kernels,
                  Ring(rows + 2 * ring_rows * stride, stride));
  if (geometry.levels == 0) {
    for (std::uint32_t y = 0; y < frame.height; ++y) {
      std::copy_n(input(y), frame.width, coefficients + std::size_t{y} * geometry.subbands[0].stride);
    }
    return;
  }
  analyse_level(input, geometry.low[0], bands_of_level(geometry, 1, coefficients, buffers), kernels, Ring(rows, stride),
                Ring(rows + ring_rows * stride, stride), buffers.work.data());
  analyse_from(2, geometry, kernels, buffers, coefficients, rows, stride);
}

void forward_97(const Geometry& geometry, const Kernels& kernels, DwtBuffers& buffers, float* coefficients) {
  const LowBand& size = geometry.low[0];
  if (geometry.levels == 0) {
    std::copy_n(buffers.low_image(geometry, 0), std::size_t{size.stride} * size.height, coefficients);
    return;
  }
  analyse_from(1, geometry, kernels, buffers, coefficients, row_buffers(buffers, size.width), row_stride(size.width));
}

void inverse_97(const float* coefficients, const Geometry& geometry, const Kernels& kernels, DwtBuffers& buffers) {
  const LowBand& size = geometry.low[0];
  float* image = buffers.low_image(geometry, 0);
  if (geometry.levels == 0) {
    std::copy_n(coefficients, std::size_t{size.stride} * size.height, image);
    return;
  }
  const std::size_t stride = row_stride(size.width);
  float* rows = row_buffers(buffers, size.width);
  for (std::uint32_t level = geometry.levels; level >= 1; --level) {
    // Synthesis only reads the sub-bands.
    const LevelBands in = bands_of_level(geometry, level, const_cast<float*>(coefficients), buffers);
    synthesise_level(in, geometry.low[level - 1], buffers.low_image(geometry, level - 1),
                     geometry.low[level - 1].stride, kernels, Ring(rows, stride),
                     Ring(rows + ring_rows * stride, stride), buffers.work.data());
  }
}

void forward_53(std::span<const std::int32_t> frame_samples, const Geometry& geometry, DwtBuffers& buffers,
                std::int32_t* coefficients) {
  std::vector<std::int32_t>& image = buffers.integers;
  image.assign(frame_samples.begin(), frame_samples.end());
  for (std::uint32_t level = 1; level <= geometry.levels; ++level) {
    const LowBand& size = geometry.low[level - 1];
    const std::ptrdiff_t w = size.width;
    lift_columns_53<true>(image.data(), w, size.height, w);
    for (std::uint32_t y = 0; y < size.height; ++y) lift_53<true>(image.data() + y * w, w, 1);
    for_each_high_sample(geometry, level, [&](std::uint32_t x, std::uint32_t y, std::size_t place) {
      coefficients[place] = image[std::size_t{y} * size.width + x];
    });
    const LowBand& next = geometry.low[level];
    for (std::uint32_t y = 0; y < next.height; ++y) {
      for (std::uint32_t x = 0; x < next.width; ++x) {
        image[std::size_t{y} * next.width + x] = image[std::size_t{2 * y} * size.width + 2 * x];
      }
    }
  }
  const Subband& ll = geometry.subbands[0];
  for (std::uint32_t y = 0; y < ll.height; ++y) {
    std::copy_n(image.data() + std::size_t{y} * ll.width, ll.width, coefficients + std::size_t{y} * ll.stride);
  }
}

void inverse_53(const std::int32_t* coefficients, const Geometry& geometry, DwtBuffers& buffers,
                std::span<std::int32_t> frame_samples) {
  const Subband& ll = geometry.subbands[0];
  std::vector<std::int32_t>& next = buffers.integers;
  std::vector<std::int32_t> image(std::size_t{ll.width} * ll.height);
  for (std::uint32_t y = 0; y < ll.height; ++y) {
    std::copy_n(coefficients + std::size_t{y} * ll.stride, ll.width, image.data() + std::size_t{y} * ll.width);
  }
  for (std::uint32_t level = geometry.levels; level >= 1; --level) {
    const LowBand& size = geometry.low[level - 1];
    const LowBand& half = geometry.low[level];
    next.assign(std::size_t{size.width} * size.height, 0);
    for (std::uint32_t y = 0; y < half.height; ++y) {
      for (std::uint32_t x = 0; x < half.width; ++x) {
        next[std::size_t{2 * y} * size.width + 2 * x] = image[std::size_t{y} * half.width + x];
      }
    }
    for_each_high_sample(geometry, level, [&](std::uint32_t x, std::uint32_t y, std::size_t place) {
      next[std::size_t{y} * size.width + x] = coefficients[place];
    });
    const std::ptrdiff_t w = size.width;
    for (std::uint32_t y = 0; y < size.height; ++y) lift_53<false>(next.data() + y * w, w, 1);
    lift_columns_53<false>(next.data(), w, size.height, w);
    std::swap(next, image);
  }
  std::copy(image.begin(), image.end(), frame_samples.begin());
}

double synthesis_norm(const Subband& band, bool reversible) {
  static const NormTable irreversible_norms = make_norms(false);
  static const NormTable reversible_norms = make_norms(true);
  const NormTable& norms = reversible ? reversible_norms : irreversible_norms;
  const bool high_across = band.orientation == Orientation::hl || band.orientation == Orientation::hh;
  const bool high_down = band.orientation == Orientation::lh || band.orientation == Orientation::hh;
  return norms[high_across ? 1 : 0][band.level] * norms[high_down ? 1 : 0][band.level];
}

}  // namespace flowroi
