// Predicts how many bytes tier-1 gives for a quantiser step, from counts of coefficient magnitudes, so that tier-1 as a
// rule runs once and codes little that rate control would throw away.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "geometry.hpp"
#include "kernels.hpp"

namespace flowroi {

class RateModel {
 public:
  // Counts, in each sub-band, the steps in grey levels at which coefficients just survive.
  RateModel(const Geometry& geometry, const float* coefficients, const float* roots, const Kernels& kernels);

  // Bytes predicted for a step in grey levels.
  double bytes(double step) const;
  // The largest step within [low, high] for which at least so many bytes are predicted.
  double step_for(double bytes_wanted, double low, double high) const;

 private:
  using Bins = std::array<std::uint32_t, histogram_bins>;
  std::vector<Bins> cumulative_;  // per sub-band, samples in this bin or above
  std::vector<double> samples_;
};

}  // namespace flowroi
