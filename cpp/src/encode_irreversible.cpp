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
// Weighted squared error per byte, in squared steps, that passes must remove where a step is asked for. At 1.5 the RoI
// comes out best at equal size, by up to 1 dB against 0 (all passes); more serves the background.
constexpr double slope_of_step = 1.5;

// The search for a PSNR ends when the error is this close below the target (0.09 dB), or the step this well known.
constexpr double near_enough = 0.98;
constexpr double finest_bracket = 1.01;
constexpr int most_guesses = 6;

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

  Encoded run() {
    if (c_.params.psnr) return reach(*c_.params.psnr);
    if (c_.params.step) return at_slope_of(std::clamp(*c_.params.step, smallest_, largest_));
    return fit(*c_.params.budget_bytes);
  }

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

  // Everything that a step leaves.
  Encoded whole(double step) {
    if (refines()) refine_for(step);
    QuantizedFrame q = quantized(step);
    c_.code(q, c_.params.layers > 1);
    return c_.finish_whole(q);
  }

  // What a step leaves, less the passes that are not worth their bytes at it.
  Encoded at_slope_of(double step) {
    if (refines()) refine_for(step);
    QuantizedFrame q = quantized(step);
    if (c_.params.roi_mode == RoiMode::maxshift) c_.set_max_shift(q);
    c_.code(q, true);
    return c_.finish_at_slope(q, slope_of_step * step * step);
  }

  Encoded reach(double psnr) {
    const double peak = std::ldexp(1.0, static_cast<int>(c_.params.significant_bits)) - 1;
    const double target = peak * peak / std::pow(10.0, psnr / 10);
    double step = std::clamp(c_.params.step.value_or(std::sqrt(12 * target) * 1.3), smallest_, largest_);
    // The largest step known to keep the target and the smallest known not to, with their errors; 0 = none yet.
    double low = 0;
    double low_error = 0;
    double high = 0;
    double high_error = 0;
    for (int trial = 0;; ++trial) {
      const double error = error_at(step);
      if (error <= target) {
        low = step;
        low_error = error;
        if (error >= near_enough * target || step >= largest_) break;
      } else {
        high = step;
        high_error = error;
        if (step <= smallest_) {
          throw UnreachableTarget("a RoI PSNR of " + std::to_string(psnr) +
                                  " dB is beyond what lossy coding gives on this frame; ask for less, or for lossless");
        }
      }
      if (low > 0 && high > 0 && high <= low * finest_bracket) break;
      // The error grows with a power of the step: with two trials around the target their own, else between one and
      // two.
      const double aim = (1 + near_enough) / 2 * target;
      const double least = target / 1024;
      if (low == 0 || high == 0) {
        const double ratio = std::pow(aim / std::max(error, least), 0.6);
        step *= error <= target ? std::clamp(ratio, finest_bracket, 8.0) : std::clamp(ratio, 0.125, 1 / finest_bracket);
        step = std::clamp(step, smallest_, largest_);
        continue;
      }
      const double middle = std::sqrt(low * high);
      const double power = std::log(high_error / std::max(low_error, least)) / std::log(high / low);
      const double guess = low * std::pow(aim / std::max(low_error, least), 1 / std::max(power, 1e-3));
      // On a crooked curve guesses creep: after a few, halving is quicker.
      step = trial < most_guesses && guess > low && guess < high ? guess : middle;
    }
    if (refines()) transform();
    return whole(low);
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
