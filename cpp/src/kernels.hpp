// The inner loops that are compiled once for every instruction set and chosen at run time. The same source serves
// all of them and floating-point contraction is off, so every variant gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "block_encoder.hpp"
#include "flowroi/encoder.hpp"

namespace flowroi {

// 9/7 lifting parameters (ISO/IEC 15444-1, table F.4).
inline constexpr float lift_alpha = -1.586134342059924F;
inline constexpr float lift_beta = -0.052980118572961F;
inline constexpr float lift_gamma = 0.882911075530934F;
inline constexpr float lift_delta = 0.443506852043971F;
inline constexpr float lift_k = 1.230174104914001F;

// Squared synthesis filters, from the middle tap outwards, each summing to one over both sides.
inline constexpr std::size_t squared_low_taps = 4;
inline constexpr std::size_t squared_high_taps = 5;
struct SquaredFilters {
  float low[squared_low_taps];
  float high[squared_high_taps];
};

// How one row of coefficients becomes indices (one code-block wide at most).
struct QuantizeRow {
  const float* coefficients;
  const float* root_weights;  // square roots of the relative weights; null = all one
  float inverse_step;
  std::uint32_t count;
};

struct Kernels {
  const char* name;

  // out = sample - shift
  void (*load8)(const std::uint8_t* in, float* out, std::size_t n, float shift);
  void (*load16)(const std::uint16_t* in, float* out, std::size_t n, float shift);

  // out = base + k * (a + b)
  void (*lift)(float* out, const float* base, const float* a, const float* b, float k, std::size_t n);
  // One whole row; `work` holds n + row_work floats. Low and high are scaled as asked.
  void (*analyse_row)(const float* in, std::size_t n, float* low, float* high, float low_scale, float high_scale,
                      float* work);
  void (*synthesise_row)(const float* low, const float* high, std::size_t n, float* out, float low_scale,
                         float high_scale, float* work);

  // out = 1 where the mask is set, else `background`
  void (*mask_row)(const std::uint8_t* mask, float* out, std::size_t n, float background);
  // The squared filters down the columns: `low` around rows[0], `high` around rows[1]; rows[-4] to rows[5] are read.
  void (*spread_rows)(const float* const* rows, const SquaredFilters& filters, float* low, float* high, std::size_t n);
  // And across one row, decimated: `low` around even samples, `high` around odd ones. `work` as above.
  void (*spread_row)(const float* in, std::size_t n, const SquaredFilters& filters, float* low, float* high,
                     float* work);
  void (*square_roots)(const float* in, float* out, std::size_t n);

  // Fills index (signed: sign of the coefficient) and magnitude (|c| / step); returns the OR of the magnitudes'
  // indices.
  std::uint32_t (*quantize_row)(const QuantizeRow& row, std::int32_t* index, float* magnitude);
  // Counts of the steps, in units of 1 / scale, at which each coefficient just survives its dead zone, in bins of an
  // eighth of an octave.
  void (*histogram)(const float* coefficients, const float* root_weights, std::size_t n, float scale,
                    std::uint32_t* bins);
  // In place: coefficients that the dead zone of a step kills become zero.
  void (*threshold)(float* coefficients, const float* root_weights, std::size_t n, float step);

  // Adds the sums of c^2 and of (c * root weight)^2.
  void (*energy)(const float* coefficients, const float* root_weights, std::size_t n, double sums[2]);

  void (*encode_block)(const BlockInput& input, BlockEncoder& encoder, BlockOutput& output);
};

const Kernels& kernels_portable();
const Kernels& kernels_for(Simd simd);

// Floats of working space that a row needs beyond its own length.
inline constexpr std::size_t row_work = 64;

// Bins of `histogram`: eight to the octave, bin 0 starts at 2^first_octave.
inline constexpr int histogram_first_octave = -20;
inline constexpr int histogram_bins_per_octave = 8;
inline constexpr int histogram_bins = 48 * histogram_bins_per_octave;

}  // namespace flowroi
