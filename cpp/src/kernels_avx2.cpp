// The inner loops compiled for x86-64 processors with AVX2 (and BMI1/2, LZCNT), built with these flags alone.
#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels.hpp"

namespace flowroi {
namespace avx2 {
#include "kernels.inc.hpp"
}  // namespace avx2

const Kernels& kernels_avx2() {
  static constexpr Kernels table = avx2::make_kernels("avx2");
  return table;
}

}  // namespace flowroi
