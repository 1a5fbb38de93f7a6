// Limits of the coding parameters (ISO/IEC 15444-1, A.5 and A.6), checked once before any work.
#include "params.hpp"

#include <cmath>
#include <string>

namespace flowroi {
namespace {

void require(bool condition, const std::string& message) {
  if (!condition) throw InvalidParameter(message);
}

void require_range(const char* name, std::uint32_t value, std::uint32_t low, std::uint32_t high) {
  require(value >= low && value <= high, std::string(name) + " is " + std::to_string(value) + "; expected " +
                                             std::to_string(low) + " to " + std::to_string(high));
}

bool samples_fit(const Frame& frame, std::uint32_t bit_depth) {
  const std::size_t count = std::size_t{frame.width} * frame.height;
  std::uint32_t all = 0;
  if (frame.samples8 != nullptr && bit_depth < 8) {
    for (std::size_t i = 0; i < count; ++i) all |= frame.samples8[i];
  } else if (frame.samples16 != nullptr && bit_depth < 16) {
    for (std::size_t i = 0; i < count; ++i) all |= frame.samples16[i];
  }
  return (all >> bit_depth) == 0;
}

void validate_roi(const Frame& frame, const Roi& roi, const Params& params) {
  require(std::isfinite(params.scaling_factor) && params.scaling_factor >= 1.0 && params.scaling_factor <= 1e4,
          "scaling_factor is " + std::to_string(params.scaling_factor) + "; expected 1 to 10000");
  if (roi.weights != nullptr) {
    require(roi.weights_reduction == 1 || (roi.weights_reduction == 2 && roi.mask != nullptr),
            "weights of half the size without a mask; expected both");
    const std::size_t count = weight_count(frame, roi);
    bool good = true;
    for (std::size_t i = 0; i < count; ++i) good &= roi.weights[i] >= 0.0F && roi.weights[i] <= 1e6F;
    require(good, "a RoI weight is negative, above 1e6 or not a number; expected 0 (background) to 1 (RoI)");
  }
  if (params.roi_mode == RoiMode::maxshift) {
    require(roi.mask != nullptr, "roi_mode maxshift needs a mask; no mask was given");
    require(params.lossless != Lossless::roi, "roi_mode maxshift and lossless RoI exclude each other; choose one");
  }
}

void validate_target(const Params& params) {
  const bool lossless = params.lossless != Lossless::none;
  const int targets = int(params.budget_bytes.has_value()) + int(params.psnr.has_value()) + int(lossless) +
                      int(params.step.has_value() && !params.psnr.has_value());
  const bool roi_with_budget =
      params.lossless == Lossless::roi && params.budget_bytes.has_value() && !params.psnr.has_value();
  require(targets == 1 || roi_with_budget,
          "expected exactly one target: a byte budget, a PSNR, a step, or lossless (a lossless RoI takes a budget "
          "besides)");
  if (params.step) {
    require(std::isfinite(*params.step) && *params.step > 0,
            "step is " + std::to_string(*params.step) + "; expected grey levels above 0");
  }
  if (params.psnr) {
    require(std::isfinite(*params.psnr) && *params.psnr > 0 && *params.psnr <= 200,
            "psnr is " + std::to_string(*params.psnr) + " dB; expected 0 to 200");
    require(params.roi_mode != RoiMode::maxshift, "roi_mode maxshift takes a rate, not a PSNR");
  }
}

}  // namespace

void validate(const Frame& frame, const Roi& roi, const Params& params) {
  require((frame.samples8 != nullptr) != (frame.samples16 != nullptr), "a frame has either 8-bit or 16-bit samples");
  require_range("width", frame.width, 1, max_side);
  require_range("height", frame.height, 1, max_side);
  require_range("bit_depth", params.bit_depth, 1, frame.samples8 != nullptr ? 8 : 16);
  require_range("significant_bits", params.significant_bits, 1, params.bit_depth);
  require_range("levels", params.levels, 0, 32);
  require_range("code-block width exponent", params.code_block_width_exp, 2, 10);
  require_range("code-block height exponent", params.code_block_height_exp, 2, 10);
  require(params.code_block_width_exp + params.code_block_height_exp <= 12,
          "a code-block holds more than 4096 samples; expected width x height <= 4096");
  require_range("layers", params.layers, 1, 256);
  require(params.comment.size() <= 65531, "the comment is longer than 65531 bytes");
  if (params.refinement) {
    require(*params.refinement >= 0 && *params.refinement <= 64,
            "refinement is " + std::to_string(*params.refinement) + "; expected 0 to 64 iterations");
  }
  require(samples_fit(frame, params.bit_depth), "a sample is larger than the bit depth of " +
                                                    std::to_string(params.bit_depth) +
                                                    " holds; give the depth of the data");
  validate_roi(frame, roi, params);
  validate_target(params);
}

}  // namespace flowroi
