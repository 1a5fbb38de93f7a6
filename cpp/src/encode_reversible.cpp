// The 5/3 path: everything exact, or the RoI exact and the background as coarse as asked.
#include <algorithm>
#include <cmath>
#include <string>

#include "frame_coder.hpp"

namespace flowroi {
namespace {

class Reversible {
 public:
  explicit Reversible(FrameCoder& coder) : c_(coder) {
    const std::size_t count = std::size_t{c_.frame.width} * c_.frame.height;
    std::vector<std::int32_t> samples(count);
    const std::int32_t shift = std::int32_t{1} << (c_.params.bit_depth - 1);
    for (std::size_t i = 0; i < count; ++i) {
      samples[i] = (c_.frame.samples8 != nullptr ? c_.frame.samples8[i] : c_.frame.samples16[i]) - shift;
    }
    std::vector<std::int32_t> integers(c_.geometry.coefficient_count);
    forward_53(samples, c_.geometry, c_.buffers.dwt, integers.data());
    // Exact: 5/3 coefficients of 16-bit samples need fewer bits than a float holds.
    coefficients_ = sized(c_.buffers.coefficients, integers.size());
    std::copy(integers.begin(), integers.end(), coefficients_);
  }

  Encoded all() {
    QuantizedFrame q = quantized();
    if (c_.params.roi_mode == RoiMode::maxshift) c_.set_max_shift(q);
    c_.code(q, with_distortion());
    return c_.finish_whole(q);
  }

  Encoded roi() {
    support_mask(c_.weights, c_.geometry, true, c_.buffers.roi,
                 sized(c_.buffers.needed, c_.geometry.coefficient_count));
    QuantizedFrame q = quantized();
    q.roots = sized(c_.buffers.roots, c_.geometry.coefficient_count);
    if (!c_.params.budget_bytes) {
      code_with_background_step(c_.params.scaling_factor, q);
      return c_.finish_whole(q);
    }
    const std::size_t budget = *c_.params.budget_bytes;
    // Smallest background step, in quarters of an octave, that fits.
    int low = -1;
    int high = 4 * static_cast<int>(c_.params.bit_depth + 4);
    const auto fits = [&](int quarters) {
      code_with_background_step(std::exp2(quarters / 4.0), q);
      return c_.stream_size(q, c_.all_passes(q)) <= budget;
    };
    if (!fits(high)) {
      throw UnreachableTarget("the lossless RoI alone takes more than the budget of " + std::to_string(budget) +
                              " bytes; ask for a lower rate, or a lossy RoI");
    }
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (fits(middle) ? high : low) = middle;
    }
    code_with_background_step(std::exp2(high / 4.0), q);
    return c_.finish_whole(q);
  }

 private:
  bool with_distortion() const { return c_.params.layers > 1; }

  QuantizedFrame quantized() const {
    QuantizedFrame q{c_.geometry, c_.kernels, make_reversible_quantizer(c_.params.bit_depth, c_.geometry.levels)};
    q.coefficients = coefficients_;
    return q;
  }

  // Coefficients that the RoI does not need lose what is below `step` grey levels.
  void code_with_background_step(double step, QuantizedFrame& q) {
    float* roots = c_.buffers.roots.data();
    for (const Subband& band : c_.geometry.subbands) {
      const auto coarse = static_cast<float>(std::min(1.0, 1 / (step * relative_step(band))));
      for (std::uint32_t y = 0; y < band.height; ++y) {
        const std::size_t start = band.offset + std::size_t{y} * band.stride;
        for (std::size_t i = start; i < start + band.width; ++i) roots[i] = c_.buffers.needed[i] != 0 ? 1.0F : coarse;
      }
    }
    c_.code(q, with_distortion());
  }

  FrameCoder& c_;
  float* coefficients_;
};

}  // namespace

Encoded encode_reversible(FrameCoder& coder) {
  Reversible path(coder);
  return coder.params.lossless == Lossless::all ? path.all() : path.roi();
}

}  // namespace flowroi
