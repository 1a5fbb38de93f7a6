// Predicts how many bytes tier-1 gives for a quantiser step (see rate_model.hpp).
#include "rate_model.hpp"

#include <algorithm>
#include <cmath>

#include "quantizer.hpp"

namespace flowroi {
namespace {

// Bits for a significant coefficient: its place among the others, its sign, and the bits below its first. Fitted to
// tier-1's output on synthetic movies of various noise and contrast.
constexpr double bits_per_significant = 2.6;
constexpr double bits_per_place = 0.85;
constexpr double bits_per_octave = 0.9;

double bin_position(double value) { return (std::log2(value) - histogram_first_octave) * histogram_bins_per_octave; }

}  // namespace

RateModel::RateModel(const Geometry& g, const float* coefficients, const float* roots, const Kernels& kernels)
    : cumulative_(g.subbands.size()) {
  for (std::size_t s = 0; s < g.subbands.size(); ++s) {
    const Subband& band = g.subbands[s];
    Bins& bins = cumulative_[s];
    bins.fill(0);
    const auto scale = static_cast<float>(1 / relative_step(band));
    // Every other row of the finest sub-bands is plenty.
    const std::uint32_t rows_apart = band.level == 1 && band.height >= 256 ? 2 : 1;
    for (std::uint32_t y = 0; y < band.height; y += rows_apart) {
      const std::size_t start = band.offset + std::size_t{y} * band.stride;
      kernels.histogram(coefficients + start, roots == nullptr ? nullptr : roots + start, band.width, scale,
                        bins.data());
    }
    for (std::size_t i = bins.size() - 1; i-- > 0;) bins[i] += bins[i + 1];
    for (std::uint32_t& count : bins) count *= rows_apart;
    samples_.push_back(static_cast<double>(band.width) * band.height);
  }
}

double RateModel::bytes(double step) const {
  const double position = std::clamp(bin_position(step), 0.0, histogram_bins - 2.0);
  const auto bin = static_cast<std::size_t>(position);
  const double fraction = position - static_cast<double>(bin);
  double bits = 0;
  for (std::size_t s = 0; s < cumulative_.size(); ++s) {
    const Bins& count = cumulative_[s];
    const double significant = count[bin] + fraction * (static_cast<double>(count[bin + 1]) - count[bin]);
    if (significant <= 0) continue;
    double octaves = 0;
    for (std::size_t i = bin + histogram_bins_per_octave; i < count.size(); i += histogram_bins_per_octave) {
      if (count[i] == 0) break;
      octaves += count[i];
    }
    bits += significant * (bits_per_significant + bits_per_place * std::log2(samples_[s] / significant)) +
            bits_per_octave * octaves;
  }
  return bits / 8;
}

double RateModel::step_for(double bytes_wanted, double low, double high) const {
  if (bytes(high) >= bytes_wanted) return high;
  for (int i = 0; i < 40; ++i) {
    const double middle = std::sqrt(low * high);
    (bytes(middle) >= bytes_wanted ? low : high) = middle;
  }
  return low;
}

}  // namespace flowroi
