// What the irreversible and the reversible path share (see frame_coder.hpp).
#include "frame_coder.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

namespace flowroi {
namespace {

// Streams of at least this many bytes get TLM and PLT unasked: below, a reader gains nothing from seeking in them.
constexpr std::size_t seek_marker_bytes = 65536;

// OpenJPEG decodes a max-shift of at most this less the bit depth.
constexpr std::uint32_t max_shift_limit = 29;

std::uint32_t useful_levels(const Frame& frame, std::uint32_t asked) {
  const auto most = static_cast<std::uint32_t>(std::bit_width(std::min(frame.width, frame.height))) - 1;
  return std::min(asked, most);
}

}  // namespace

FrameCoder::FrameCoder(const Frame& f, const Roi& roi, const Params& p, Scratch::Buffers& b)
    : frame(f),
      params(p),
      buffers(b),
      kernels(kernels_for(p.simd)),
      geometry(make_geometry(f.width, f.height, useful_levels(f, p.levels), p.code_block_width_exp,
                             p.code_block_height_exp)),
      weights(f, roi, p.scaling_factor) {}

bool FrameCoder::seek_markers(const std::optional<bool>& asked) const {
  if (asked) return *asked;
  return params.budget_bytes ? *params.budget_bytes >= seek_marker_bytes : coded_bytes() >= seek_marker_bytes;
}

StreamLayout FrameCoder::layout(const QuantizedFrame& quantized) const {
  return {params,
          frame,
          geometry,
          quantized.quantizer,
          quantized.shift,
          seek_markers(params.tlm),
          seek_markers(params.plt)};
}

std::vector<std::uint32_t> FrameCoder::zero_planes(const QuantizedFrame& quantized) const {
  std::vector<std::uint32_t> missing(geometry.blocks.size());
  for (const Subband& band : geometry.subbands) {
    const std::uint32_t planes = quantized.quantizer.magnitude_bits(band) + quantized.shift;
    for (std::uint32_t i = band.first_block; i < band.first_block + band.block_count(); ++i) {
      missing[i] = planes - buffers.blocks[i].bit_planes;
    }
  }
  return missing;
}

std::size_t FrameCoder::coded_bytes() const {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < geometry.blocks.size(); ++i) sum += buffers.blocks[i].bytes.size();
  return sum;
}

std::size_t FrameCoder::stream_size(const QuantizedFrame& quantized, const Allocation& allocation) const {
  const Packets headers =
      write_packets(geometry, buffers.blocks, zero_planes(quantized), allocation, params.progression, true);
  std::size_t size = framing_bytes(layout(quantized), headers.lengths);
  for (const std::uint32_t length : headers.lengths) size += length;
  return size;
}

void FrameCoder::set_max_shift(QuantizedFrame& quantized) {
  std::uint8_t* needed = sized(buffers.needed, geometry.coefficient_count);
  support_mask(weights, geometry, quantized.quantizer.reversible, buffers.roi, needed);
  quantized.shifted = needed;
  quantized.shift = 0;
  const BitPlanes planes = count_bit_planes(quantized, buffers);
  // The standard needs a shift of as many bit-planes as the background has; OpenJPEG compares magnitudes with half a
  // step more, so one is added.
  const std::uint32_t shift = planes.unshifted + 1;
  const std::uint32_t limit = max_shift_limit - params.bit_depth;
  if (shift > limit || planes.all + shift > max_bit_planes) {
    throw InvalidParameter("max-shift needs a shift of " + std::to_string(shift) +
                           " bit-planes on this frame; decoders take at most " + std::to_string(limit) + " at " +
                           std::to_string(params.bit_depth) +
                           " bits: use roi_mode scaling, or a higher compression rate");
  }
  quantized.shift = planes.unshifted == 0 ? 0 : shift;
}

void FrameCoder::code(QuantizedFrame& quantized, bool with_distortion) {
  statistics.passes_coded = code_blocks(quantized, with_distortion, buffers);
  ++statistics.tier1_runs;
  quantized.quantizer.guard_bits = 2;
  for (const Subband& band : geometry.subbands) {
    for (std::uint32_t i = band.first_block; i < band.first_block + band.block_count(); ++i) {
      while (quantized.quantizer.magnitude_bits(band) + quantized.shift < buffers.blocks[i].bit_planes) {
        ++quantized.quantizer.guard_bits;
      }
    }
  }
}

Allocation FrameCoder::all_passes(const QuantizedFrame& quantized) const {
  std::vector<HullStep> steps;
  if (params.layers > 1) steps = hull_steps(buffers.blocks, block_scales(quantized));
  return allocate_all(buffers.blocks, steps, params.layers);
}

Encoded FrameCoder::finish_whole(const QuantizedFrame& quantized) { return assemble(quantized, all_passes(quantized)); }

Encoded FrameCoder::finish_within(const QuantizedFrame& quantized, std::size_t budget) {
  const std::vector<HullStep> steps = hull_steps(buffers.blocks, block_scales(quantized));
  Allocation allocation(buffers.blocks.size(), params.layers);
  const auto size_of = [&](const Allocation& a) { return stream_size(quantized, a); };
  if (!allocate_budget(buffers.blocks, steps, budget, size_of, allocation)) {
    throw UnreachableTarget("the budget is " + std::to_string(budget) + " bytes, but the headers alone of this " +
                            std::to_string(frame.width) + "x" + std::to_string(frame.height) + " frame take " +
                            std::to_string(size_of(allocation)) + "; ask for a lower rate");
  }
  return assemble(quantized, allocation);
}

Encoded FrameCoder::finish_at_slope(const QuantizedFrame& quantized, double slope) {
  const std::vector<HullStep> steps = hull_steps(buffers.blocks, block_scales(quantized));
  return assemble(quantized, allocate_slope(buffers.blocks, steps, slope, params.layers));
}

Encoded FrameCoder::assemble(const QuantizedFrame& quantized, const Allocation& allocation) {
  const Packets packets =
      write_packets(geometry, buffers.blocks, zero_planes(quantized), allocation, params.progression, false);
  Encoded out;
  out.bytes = write_stream(layout(quantized), packets);
  statistics.bytes = out.bytes.size();
  statistics.header_bytes = out.bytes.size() - packets.bytes.size() + packets.header_bytes;
  statistics.code_blocks = geometry.blocks.size();
  statistics.step = quantized.quantizer.reversible ? 0 : quantized.quantizer.step();
  const std::vector<float> scales = block_scales(quantized);
  double drops[2] = {0, 0};
  for (std::size_t i = 0; i < geometry.blocks.size(); ++i) {
    const std::uint16_t kept = allocation.final_passes(i);
    statistics.passes_kept += kept;
    for (std::uint16_t p = 0; p < kept; ++p) {
      const CodingPass& pass = buffers.blocks[i].passes[p];
      drops[0] += static_cast<double>(scales[i]) * static_cast<double>(pass.distortion_drop);
      drops[1] += static_cast<double>(scales[i]) * static_cast<double>(pass.weighted_distortion_drop);
    }
  }
  const double pixels = static_cast<double>(frame.width) * frame.height;
  statistics.predicted_mse = std::max(0.0, energy_[0] - drops[0]) / pixels;
  statistics.predicted_weighted_mse = std::max(0.0, energy_[1] - drops[1]) / pixels;
  if (params.measure) {
    reconstruct_kept(quantized, allocation, buffers);
    const Errors errors = measure(quantized.quantizer.reversible);
    statistics.mse = errors.mse;
    statistics.roi_mse = errors.roi_mse;
    statistics.background_mse = errors.background_mse;
  }
  out.statistics = statistics;
  return out;
}

FrameCoder::Errors FrameCoder::measure(bool reversible) {
  const std::size_t width = frame.width;
  std::vector<std::int32_t> integers;
  if (reversible) {
    std::vector<std::int32_t> coefficients(geometry.coefficient_count);
    for (std::size_t i = 0; i < coefficients.size(); ++i) {
      coefficients[i] = static_cast<std::int32_t>(buffers.reconstruction[i]);
    }
    integers.resize(width * frame.height);
    inverse_53(coefficients.data(), geometry, buffers.dwt, integers);
  } else {
    inverse_97(buffers.reconstruction.data(), geometry, kernels, buffers.dwt);
  }
  const long shift = 1L << (params.bit_depth - 1);
  const long peak = (1L << params.bit_depth) - 1;
  double all = 0;
  double roi = 0;
  double members = 0;
  for (std::uint32_t y = 0; y < frame.height; ++y) {
    const float* row =
        reversible ? nullptr : buffers.dwt.low_image(geometry, 0) + std::size_t{y} * geometry.low[0].stride;
    for (std::size_t x = 0; x < width; ++x) {
      const std::size_t i = y * width + x;
      const long value = reversible ? long{integers[i]} : std::lrint(row[x]);
      const long decoded = std::clamp(value + shift, 0L, peak);
      const long original = frame.samples8 != nullptr ? frame.samples8[i] : frame.samples16[i];
      const auto error = static_cast<double>(decoded - original);
      const double member = static_cast<double>(weights.membership(i));
      all += error * error;
      roi += member * error * error;
      members += member;
    }
  }
  const double pixels = static_cast<double>(width) * frame.height;
  Errors errors;
  errors.mse = all / pixels;
  errors.roi_mse = members > 0 ? roi / members : errors.mse;
  if (pixels - members > 0.5) errors.background_mse = (all - roi) / (pixels - members);
  return errors;
}

void FrameCoder::sum_energy(const float* coefficients, const float* roots, bool reversible) {
  energy_[0] = energy_[1] = 0;
  for (const Subband& band : geometry.subbands) {
    double sums[2] = {0, 0};
    for (std::uint32_t y = 0; y < band.height; ++y) {
      const std::size_t start = band.offset + std::size_t{y} * band.stride;
      kernels.energy(coefficients + start, roots == nullptr ? nullptr : roots + start, band.width, sums);
    }
    const double norm = synthesis_norm(band, reversible);
    energy_[0] += norm * norm * sums[0];
    energy_[1] += norm * norm * sums[1];
  }
}

}  // namespace flowroi
