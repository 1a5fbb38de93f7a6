// The inner loops for any processor, and the choice between the variants.
#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels.hpp"

namespace flowroi {
namespace portable {
#include "kernels.inc.hpp"
}  // namespace portable

const Kernels& kernels_portable() {
  static constexpr Kernels table = portable::make_kernels("portable");
  return table;
}

#if defined(FLOWROI_HAVE_AVX2)
const Kernels& kernels_avx2();
#endif

const Kernels& kernels_for([[maybe_unused]] Simd simd) {
#if defined(FLOWROI_HAVE_AVX2)
  static const bool available = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi2") != 0;
  if (simd == Simd::automatic && available) return kernels_avx2();
#endif
  return kernels_portable();
}

const char* simd_name() { return kernels_for(Simd::automatic).name; }

}  // namespace flowroi
