// The 9/7 path: transform, weights, quantiser step for the target, tier-1, rate control.
#include <algorithm>
#include <cmath>
#include <string>

#include "frame_coder.hpp"
#include "rate_model.hpp"
#include "refinement.hpp"

namespace flowroi {
namespace {

// Tier-1 aims this much above the budget and rate control takes the excess away where it matters least. With a RoI
// there is less to choose from: the background's coarse indices are best left whole.
constexpr double overshoot_plain = 1.15;
constexpr double overshoot_roi = 1.03;
// Packet header bytes a code-block, for the first guess.
constexpr double header_bytes_per_block = 2.5;
constexpr int most_tier1_runs = 5;

class Irreversible {
 public:
  explicit Irreversible(FrameCoder& coder)
      : c_(coder), iterations_(coder.params.refinement.value_or(default_refinement(coder.params.scaling_factor))) {
    coefficients_ = sized(c_.buffers.coefficients, c_.geometry.coefficient_count);
    if (!c_.weights.uniform()) {
      float* roots = sized(c_.buffers.roots, c_.geometry.coefficient_count);
      root_weights(c_.weights, c_.geometry, false, c_.kernels, c_.buffers.roi, roots);
      roots_ = roots;
    }
    transform();
    c_.sum_energy(coefficients_, roots_, false);
    smallest_ = smallest_step(c_.params.bit_depth, c_.geometry.levels);
    largest_ = largest_step(c_.params.bit_depth);
  }

  Encoded run() { return c_.params.psnr ? reach(*c_.params.psnr) : fit(*c_.params.budget_bytes); }

 private:
  void transform() {
    forward_97(c_.frame, c_.params.bit_depth, c_.geometry, c_.kernels, c_.buffers.dwt, coefficients_);
  }

  bool refines() const { return roots_ != nullptr && iterations_ > 0 && c_.params.roi_mode == RoiMode::scaling; }

  void refine_for(double step) {
    refine(c_.frame, c_.params.bit_depth, c_.weights, c_.geometry, roots_, step, iterations_, c_.kernels,
           c_.buffers.dwt, c_.buffers.refinement, coefficients_);
  }

  Quantizer quantizer(double step) const {
    return make_irreversible_quantizer(c_.params.bit_depth, c_.geometry.levels, step);
  }

  QuantizedFrame quantized(double step) const {
    QuantizedFrame q{c_.geometry, c_.kernels, quantizer(step)};
    q.coefficients = coefficients_;
    if (c_.params.roi_mode == RoiMode::scaling) q.roots = roots_;
    return q;
  }

  RateModel model() const { return {c_.geometry, coefficients_, roots_, c_.kernels}; }

  Encoded fit(std::size_t budget) {
    const double headers = header_bytes_per_block * static_cast<double>(c_.geometry.blocks.size());
    const double overshoot = roots_ == nullptr ? overshoot_plain : overshoot_roi;
    const double wanted = std::max(16.0, static_cast<double>(budget) - headers) * overshoot;
    double step = model().step_for(wanted, smallest_, largest_);
    if (refines()) refine_for(step);
    const RateModel rate = model();
    step = rate.step_for(wanted, smallest_, largest_);
    QuantizedFrame q = quantized(step);
    for (int run = 0; run < most_tier1_runs; ++run) {
      q.quantizer = quantizer(step);
      if (c_.params.roi_mode == RoiMode::maxshift) c_.set_max_shift(q);
      c_.code(q, true);
      const Allocation everything = allocate_all(c_.buffers.blocks, {}, 1);
      const auto size = static_cast<double>(c_.stream_size(q, everything));
      if (size >= static_cast<double>(budget) || step <= smallest_) break;
      // The model was too high: correct it by what tier-1 gave.
      const double correction = static_cast<double>(budget) / size;
      step = std::min(step * 0.98, rate.step_for(rate.bytes(step) * correction * 1.03, smallest_, largest_));
    }
    return c_.finish_within(q, budget);
  }

  // Error inside the RoI with every pass of a step's indices.
  double error_at(double step) {
    if (refines()) {
      transform();
      refine_for(step);
    }
    reconstruct_all(quantized(step), c_.buffers);
    return c_.measure(false).roi_mse;
  }

  Encoded reach(double psnr) {
    const double peak = std::ldexp(1.0, static_cast<int>(c_.params.significant_bits)) - 1;
    const double target = peak * peak / std::pow(10.0, psnr / 10);
    if (error_at(smallest_) > target) {
      throw UnreachableTarget("a RoI PSNR of " + std::to_string(psnr) +
                              " dB is beyond what lossy coding gives on this frame; ask for less, or for lossless");
    }
    // Largest step that keeps the target, to a hundredth.
    double low = smallest_;
    double high = largest_;
    double step = std::clamp(std::sqrt(12 * target) * 1.3, low * 1.01, high);
    while (high / low > 1.01) {
      const double error = error_at(step);
      (error <= target ? low : high) = step;
      // The error grows with a power of the step between one and two; outside the bracket, halve it.
      const double next = step * std::pow(target / std::max(error, 1e-9), 0.6) * (error <= target ? 1.003 : 0.997);
      step = next > low && next < high ? next : std::sqrt(low * high);
    }
    if (refines()) {
      transform();
      refine_for(low);
    }
    QuantizedFrame q = quantized(low);
    c_.code(q, c_.params.layers > 1);
    return c_.finish_whole(q);
  }

  FrameCoder& c_;
  int iterations_;
  float* coefficients_ = nullptr;
  const float* roots_ = nullptr;
  double smallest_ = 0;
  double largest_ = 0;
};

}  // namespace

Encoded encode_irreversible(FrameCoder& coder) { return Irreversible(coder).run(); }

}  // namespace flowroi
