// Quantisation step sizes and their signalling (ISO/IEC 15444-1, Annex E and A.6.4).
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "flowroi/encoder.hpp"
#include "geometry.hpp"

namespace flowroi {

// Step of a sub-band relative to the step in grey levels.
inline double relative_step(const Subband& band) {
  return std::ldexp(1.0, static_cast<int>(band.gain()) - static_cast<int>(band.level));
}

// Irreversible frames use derived steps: one exponent and mantissa for LL from which every sub-band's step follows,
// halving with each level (E.5). Up to a few per cent these are the steps that weigh all sub-bands' errors alike.
struct Quantizer {
  bool reversible = false;
  std::uint32_t bit_depth = 8;
  std::uint32_t levels = 0;
  std::uint32_t exponent = 0;  // of LL
  std::uint32_t mantissa = 0;  // of all, 11 bits
  std::uint32_t guard_bits = 2;

  // Step of a finest-level HL sub-band, which is the step in grey levels (its basis functions have unit norm).
  double step() const;
  double subband_step(const Subband& band) const { return reversible ? 1.0 : step() * relative_step(band); }
  std::uint32_t subband_exponent(const Subband& band) const;
  // M_b, the number of magnitude bit-planes signalled (equation E-2).
  std::uint32_t magnitude_bits(const Subband& band) const { return guard_bits + subband_exponent(band) - 1; }
};

// The representable quantiser nearest to the step asked for, in grey levels, within what 31 bit-planes can hold.
Quantizer make_irreversible_quantizer(std::uint32_t bit_depth, std::uint32_t levels, double step);
Quantizer make_reversible_quantizer(std::uint32_t bit_depth, std::uint32_t levels);

// Smallest and largest steps that make_irreversible_quantizer gives.
double smallest_step(std::uint32_t bit_depth, std::uint32_t levels);
double largest_step(std::uint32_t bit_depth);

}  // namespace flowroi
