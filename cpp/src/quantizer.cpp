// Quantisation step sizes and their signalling (ISO/IEC 15444-1, Annex E and A.6.4).
#include "quantizer.hpp"

#include <algorithm>
#include <cmath>

namespace flowroi {

double Quantizer::step() const {
  // Delta_b = 2^(R_b - eps_b) (1 + mu / 2^11), R_b = bit depth + gain, eps_b = eps - levels + level.
  return std::ldexp(1.0 + mantissa / 2048.0,
                    static_cast<int>(bit_depth) - static_cast<int>(exponent) + static_cast<int>(levels));
}

std::uint32_t Quantizer::subband_exponent(const Subband& band) const {
  if (reversible) return bit_depth + band.gain();
  return exponent - levels + band.level;
}

double smallest_step(std::uint32_t bit_depth, std::uint32_t levels) {
  // LL indices stay below 2^28; exponents below 32.
  return std::max(std::ldexp(1.0, static_cast<int>(bit_depth + levels) - 28), 1.0 / 64);
}

double largest_step(std::uint32_t bit_depth) { return std::ldexp(1.0, static_cast<int>(bit_depth)); }

Quantizer make_irreversible_quantizer(std::uint32_t bit_depth, std::uint32_t levels, double step) {
  step = std::clamp(step, smallest_step(bit_depth, levels), largest_step(bit_depth));
  Quantizer q;
  q.bit_depth = bit_depth;
  q.levels = levels;
  int power = 0;
  const double fraction = std::frexp(step, &power) * 2;  // [1, 2)
  --power;
  double mantissa = std::round((fraction - 1) * 2048);
  if (mantissa >= 2048) {
    mantissa = 0;
    ++power;
  }
  q.mantissa = static_cast<std::uint32_t>(mantissa);
  q.exponent = static_cast<std::uint32_t>(static_cast<int>(bit_depth + levels) - power);
  return q;
}

Quantizer make_reversible_quantizer(std::uint32_t bit_depth, std::uint32_t levels) {
  Quantizer q;
  q.reversible = true;
  q.bit_depth = bit_depth;
  q.levels = levels;
  return q;
}

}  // namespace flowroi
