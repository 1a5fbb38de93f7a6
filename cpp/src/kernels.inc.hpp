// The inner loops themselves; see kernels.hpp. Included once for every instruction set, inside that variant's
// namespace. Plain loops without dependencies between iterations: the compiler turns them into SIMD code of the
// variant's set.

inline void load8(const std::uint8_t* __restrict in, float* __restrict out, std::size_t n, float shift) {
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(in[i]) - shift;
}

inline void load16(const std::uint16_t* __restrict in, float* __restrict out, std::size_t n, float shift) {
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(in[i]) - shift;
}

inline void lift(float* out, const float* base, const float* a, const float* b, float k, std::size_t n) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < n; ++i) out[i] = base[i] + k * (a[i] + b[i]);
}

// One lifting step over a deinterleaved row: out = base + k * (a[i] + a[i + 1]).
inline void lift_pairs(float* __restrict out, const float* __restrict a, float k, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] += k * (a[i] + a[i + 1]);
}

// `even` and `odd` have room for a few samples before and after. Symmetric extension: the odd row's sample before the
// first is its first, and after the last its last; likewise the even row's after the last.
struct HalfRows {
  float* even;
  float* odd;
  std::size_t even_count;
  std::size_t odd_count;

  HalfRows(float* work, std::size_t n)
      : even(work + 8), odd(work + n / 2 + 32), even_count((n + 1) / 2), odd_count(n / 2) {}

  void extend_even() { even[even_count] = even[even_count - 1]; }
  void extend_odd() {
    odd[-1] = odd[0];
    odd[odd_count] = odd[odd_count - 1];
  }
};

inline void analyse_row(const float* __restrict in, std::size_t n, float* __restrict low, float* __restrict high,
                        float low_scale, float high_scale, float* __restrict work) {
  if (n == 1) {
    low[0] = in[0] * low_scale;
    return;
  }
  HalfRows h(work, n);
  float* __restrict even = h.even;
  float* __restrict odd = h.odd;
  for (std::size_t i = 0; i < h.odd_count; ++i) {
    even[i] = in[2 * i];
    odd[i] = in[2 * i + 1];
  }
  if (h.even_count > h.odd_count) even[h.odd_count] = in[n - 1];
  h.extend_even();
  lift_pairs(odd, even, lift_alpha, h.odd_count);
  h.extend_odd();
  lift_pairs(even, odd - 1, lift_beta, h.even_count);
  h.extend_even();
  lift_pairs(odd, even, lift_gamma, h.odd_count);
  h.extend_odd();
  for (std::size_t i = 0; i < h.even_count; ++i) {
    low[i] = low_scale * (even[i] + lift_delta * (odd[static_cast<std::ptrdiff_t>(i) - 1] + odd[i]));
  }
  for (std::size_t i = 0; i < h.odd_count; ++i) high[i] = high_scale * odd[i];
}

inline void synthesise_row(const float* __restrict low, const float* __restrict high, std::size_t n,
                           float* __restrict out, float low_scale, float high_scale, float* __restrict work) {
  if (n == 1) {
    out[0] = low[0] * low_scale;
    return;
  }
  HalfRows h(work, n);
  for (std::size_t i = 0; i < h.even_count; ++i) h.even[i] = low[i] * low_scale;
  for (std::size_t i = 0; i < h.odd_count; ++i) h.odd[i] = high[i] * high_scale;
  h.extend_odd();
  lift_pairs(h.even, h.odd - 1, -lift_delta, h.even_count);
  h.extend_even();
  lift_pairs(h.odd, h.even, -lift_gamma, h.odd_count);
  h.extend_odd();
  lift_pairs(h.even, h.odd - 1, -lift_beta, h.even_count);
  h.extend_even();
  lift_pairs(h.odd, h.even, -lift_alpha, h.odd_count);
  const float* __restrict even = h.even;
  const float* __restrict odd = h.odd;
  for (std::size_t i = 0; i < h.odd_count; ++i) {
    out[2 * i] = even[i];
    out[2 * i + 1] = odd[i];
  }
  if (h.even_count > h.odd_count) out[n - 1] = even[h.odd_count];
}

inline void mask_row(const std::uint8_t* __restrict in, float* __restrict out, std::size_t n, float background) {
  for (std::size_t i = 0; i < n; ++i) out[i] = in[i] != 0 ? 1.0F : background;
}

inline void spread_rows(const float* const* middle, const SquaredFilters& filters, float* __restrict low,
                        float* __restrict high, std::size_t n) {
  const float* __restrict r[10];
  for (std::ptrdiff_t k = 0; k < 10; ++k) r[k] = middle[k - 4];
  const float a0 = filters.low[0], a1 = filters.low[1], a2 = filters.low[2], a3 = filters.low[3];
  for (std::size_t i = 0; i < n; ++i) {
    low[i] = a0 * r[4][i] + a1 * (r[3][i] + r[5][i]) + a2 * (r[2][i] + r[6][i]) + a3 * (r[1][i] + r[7][i]);
  }
  const float b0 = filters.high[0], b1 = filters.high[1], b2 = filters.high[2], b3 = filters.high[3],
              b4 = filters.high[4];
  for (std::size_t i = 0; i < n; ++i) {
    high[i] = b0 * r[5][i] + b1 * (r[4][i] + r[6][i]) + b2 * (r[3][i] + r[7][i]) + b3 * (r[2][i] + r[8][i]) +
              b4 * (r[1][i] + r[9][i]);
  }
}

inline void spread_row(const float* __restrict in, std::size_t n, const SquaredFilters& filters, float* __restrict low,
                       float* __restrict high, float* __restrict work) {
  if (n == 1) {
    low[0] = in[0];
    return;
  }
  const HalfRows h(work, n);
  float* __restrict e = h.even;
  float* __restrict o = h.odd;
  for (std::size_t i = 0; i < h.odd_count; ++i) {
    e[i] = in[2 * i];
    o[i] = in[2 * i + 1];
  }
  if (h.even_count > h.odd_count) e[h.odd_count] = in[n - 1];
  // Symmetric extension by four samples on either side; tiny rows reflect more than once.
  const auto reflected = [n](std::ptrdiff_t position) {
    const auto period = static_cast<std::ptrdiff_t>(2 * (n - 1));
    position = ((position % period) + period) % period;
    return position < static_cast<std::ptrdiff_t>(n) ? position : period - position;
  };
  for (std::ptrdiff_t k = 1; k <= 3; ++k) {
    const auto even_count = static_cast<std::ptrdiff_t>(h.even_count);
    const auto odd_count = static_cast<std::ptrdiff_t>(h.odd_count);
    e[-k] = in[reflected(-2 * k)];
    o[-k] = in[reflected(1 - 2 * k)];
    e[even_count - 1 + k] = in[reflected(2 * (even_count - 1 + k))];
    o[odd_count - 1 + k] = in[reflected(2 * (odd_count - 1 + k) + 1)];
  }
  const auto even_count = static_cast<std::ptrdiff_t>(h.even_count);
  const auto odd_count = static_cast<std::ptrdiff_t>(h.odd_count);
  const float a0 = filters.low[0], a1 = filters.low[1], a2 = filters.low[2], a3 = filters.low[3];
  for (std::ptrdiff_t i = 0; i < even_count; ++i) {
    low[i] = a0 * e[i] + a1 * (o[i - 1] + o[i]) + a2 * (e[i - 1] + e[i + 1]) + a3 * (o[i - 2] + o[i + 1]);
  }
  const float b0 = filters.high[0], b1 = filters.high[1], b2 = filters.high[2], b3 = filters.high[3],
              b4 = filters.high[4];
  for (std::ptrdiff_t i = 0; i < odd_count; ++i) {
    high[i] = b0 * o[i] + b1 * (e[i] + e[i + 1]) + b2 * (o[i - 1] + o[i + 1]) + b3 * (e[i - 1] + e[i + 2]) +
              b4 * (o[i - 2] + o[i + 2]);
  }
}

inline void square_roots(const float* __restrict in, float* __restrict out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = std::sqrt(in[i]);
}

// Share of its magnitude, times its root weight, that a coefficient needs to exceed the step by to survive: one for the
// RoI. In the background most survivors stand alone and cost more bits than the error they remove is worth at exactly
// one; 1.6 was best or near it on all movies tried (docs/decisions/002).
inline float survival(float root) { return root / (1.6F - 0.6F * root); }

// Coefficients of little weight get a coarser grid: their index is a multiple of 2^n, n = floor(log2(1 / root weight)),
// rounded to the nearest such interval, and their dead zone grows with 1 / root weight.
inline std::uint32_t quantize_row(const QuantizeRow& row, std::int32_t* __restrict index, float* __restrict magnitude) {
  const float* __restrict c = row.coefficients;
  const float inverse = row.inverse_step;
  std::uint32_t all = 0;
  if (row.root_weights == nullptr) {
    for (std::uint32_t i = 0; i < row.count; ++i) {
      const float u = std::fabs(c[i]) * inverse;
      const std::int32_t q = static_cast<std::int32_t>(u);
      magnitude[i] = u;
      all |= static_cast<std::uint32_t>(q);
      index[i] = c[i] < 0 ? -q : q;
    }
    return all;
  }
  const float* __restrict roots = row.root_weights;
  for (std::uint32_t i = 0; i < row.count; ++i) {
    const float u = std::fabs(c[i]) * inverse;
    // root in (2^-(n+1), 2^-n] has the exponent field 126 - n, once its upper end is moved down
    const std::int32_t field = std::bit_cast<std::int32_t>(roots[i]) - 1;
    std::int32_t n = 126 - (field >> 23);
    n = n < 0 ? 0 : n;
    const std::int32_t half = (std::int32_t{1} << n) >> 1;
    const float offset = half != 0 ? static_cast<float>(half) - 0.5F : 0.0F;
    std::int32_t q = static_cast<std::int32_t>(u + offset);
    q = (q >> n) << n;
    q = u * survival(roots[i]) < 1.0F ? 0 : q;
    magnitude[i] = u;
    all |= static_cast<std::uint32_t>(q);
    index[i] = c[i] < 0 ? -q : q;
  }
  return all;
}

inline std::uint32_t histogram_bin(float value) {
  const std::int32_t field = std::bit_cast<std::int32_t>(value) >> 20;
  const std::int32_t bin = field - (127 + histogram_first_octave) * histogram_bins_per_octave;
  return static_cast<std::uint32_t>(bin < 0 ? 0 : bin >= histogram_bins ? histogram_bins - 1 : bin);
}

inline void histogram(const float* c, const float* roots, std::size_t n, float scale, std::uint32_t* bins) {
  std::uint32_t slots[64];
  for (std::size_t start = 0; start < n; start += 64) {
    const std::size_t count = n - start < 64 ? n - start : 64;
    if (roots == nullptr) {
      for (std::size_t i = 0; i < count; ++i) slots[i] = histogram_bin(std::fabs(c[start + i]) * scale);
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        slots[i] = histogram_bin(std::fabs(c[start + i]) * scale * survival(roots[start + i]));
      }
    }
    for (std::size_t i = 0; i < count; ++i) ++bins[slots[i]];
  }
}

inline void threshold(float* __restrict c, const float* __restrict roots, std::size_t n, float step) {
  for (std::size_t i = 0; i < n; ++i) c[i] = std::fabs(c[i]) * survival(roots[i]) < step ? 0.0F : c[i];
}

inline void energy(const float* c, const float* roots, std::size_t n, double sums[2]) {
  constexpr std::size_t lanes = 16;
  float plain[lanes] = {};
  float weighted[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (std::size_t k = 0; k < lanes; ++k) {
      const float square = c[i + k] * c[i + k];
      plain[k] += square;
      weighted[k] += roots == nullptr ? square : square * (roots[i + k] * roots[i + k]);
    }
  }
  for (; i < n; ++i) {
    plain[0] += c[i] * c[i];
    weighted[0] += roots == nullptr ? c[i] * c[i] : c[i] * c[i] * (roots[i] * roots[i]);
  }
  for (std::size_t k = 0; k < lanes; ++k) {
    sums[0] += static_cast<double>(plain[k]);
    sums[1] += static_cast<double>(weighted[k]);
  }
}

#include "block_encoder.inc.hpp"

inline constexpr Kernels make_kernels(const char* name) {
  return {name,       load8,        load16,       lift,      analyse_row, synthesise_row, mask_row,    spread_rows,
          spread_row, square_roots, quantize_row, histogram, threshold,   energy,         encode_block};
}
