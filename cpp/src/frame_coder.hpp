// What the irreversible and the reversible path share: weights, tier-1, the stream's assembly, measurement.
#pragma once

#include <optional>
#include <vector>

#include "codestream_writer.hpp"
#include "flowroi/encoder.hpp"
#include "geometry.hpp"
#include "kernels.hpp"
#include "rate_control.hpp"
#include "roi.hpp"
#include "scratch.hpp"
#include "tier1.hpp"

namespace flowroi {

class FrameCoder {
 public:
  FrameCoder(const Frame& frame, const Roi& roi, const Params& params, Scratch::Buffers& buffers);

  const Frame& frame;
  const Params& params;
  Scratch::Buffers& buffers;
  const Kernels& kernels;
  const Geometry geometry;
  const PixelWeights weights;
  Statistics statistics;

  // Bytes of the stream that holds the coded blocks' kept passes.
  std::size_t stream_size(const QuantizedFrame& quantized, const Allocation& allocation) const;
  // Max-shift: finds the shift that lifts the RoI's coefficients above all others, within what decoders take.
  void set_max_shift(QuantizedFrame& quantized);
  // Tier-1 over the frame, with as many guard bits as the indices need.
  void code(QuantizedFrame& quantized, bool with_distortion);
  // Sum of the coded blocks' bytes.
  std::size_t coded_bytes() const;

  // Every coded pass, spread over the layers asked for.
  Allocation all_passes(const QuantizedFrame& quantized) const;

  // The stream with all passes, or with the best that fit the budget; throws UnreachableTarget if none do.
  Encoded finish_whole(const QuantizedFrame& quantized);
  Encoded finish_within(const QuantizedFrame& quantized, std::size_t budget);
  // The stream with the passes that remove at least `slope` of weighted squared error per byte.
  Encoded finish_at_slope(const QuantizedFrame& quantized, double slope);

  struct Errors {
    double mse = 0;
    double roi_mse = 0;
    double background_mse = -1;
  };
  // True errors of buffers.reconstruction: inverse transform, rounding and clipping as a decoder does them.
  Errors measure(bool reversible);

  // Sum of squared coefficients, in grey levels squared, plain and weighted; before any refinement.
  void sum_energy(const float* coefficients, const float* roots, bool reversible);

 private:
  Encoded assemble(const QuantizedFrame& quantized, const Allocation& allocation);
  StreamLayout layout(const QuantizedFrame& quantized) const;
  std::vector<std::uint32_t> zero_planes(const QuantizedFrame& quantized) const;
  bool seek_markers(const std::optional<bool>& asked) const;

  double energy_[2] = {0, 0};
};

// The 9/7 path: a budget, a PSNR or a step.
Encoded encode_irreversible(FrameCoder& coder);
// The 5/3 path: everything exact, or the RoI exact and the background by budget or scaling factor.
Encoded encode_reversible(FrameCoder& coder);

}  // namespace flowroi
