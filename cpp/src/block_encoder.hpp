// Tier-1: one code-block's quantised coefficients to coding passes (ISO/IEC 15444-1, Annex D).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "geometry.hpp"
#include "mq_encoder.hpp"

namespace flowroi {

inline constexpr std::uint32_t max_block_samples = 4096;
inline constexpr std::uint32_t max_bit_planes = 31;

// Row-major with a stride of `width`; `index` is signed, `magnitude` is |c| / step before rounding.
struct BlockInput {
  const std::int32_t* index = nullptr;
  const float* magnitude = nullptr;
  const float* root_weights = nullptr;  // null = all one
  std::uint32_t root_weight_stride = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  Orientation orientation = Orientation::ll;
  std::uint32_t all_bits = 0;  // OR of the magnitudes' indices
  bool with_distortion = true;
  std::uint32_t max_passes = UINT32_MAX;  // stops early, to see what a truncated block decodes to
};

struct CodingPass {
  std::uint32_t length = 0;  // bytes that decode this pass and all before it
  std::uint8_t bit_plane = 0;
  float distortion_drop = 0;           // squared error that the pass removes, in units of step^2
  float weighted_distortion_drop = 0;  // likewise, weighted
};

struct BlockOutput {
  std::uint32_t bit_planes = 0;  // coded ones, from the most significant non-zero one down
  std::vector<CodingPass> passes;
  std::vector<std::uint8_t> bytes;
};

// The state of one block while it is coded. Significance and friends are kept as bit maps in scan order: a word holds
// 16 columns of one stripe of four rows, bit 4 * column + row, so that passes jump from candidate to candidate instead
// of visiting every sample. A second form, one word a column, holds the 3x6 window of significances (low half) and of
// negative significances (high half) around the column's four samples, from which contexts are looked up.
// Both have a border all round. The encoding itself is `Kernels::encode_block`.
struct BlockEncoder {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t words_across = 0;  // words in one stripe
  std::uint32_t stripes = 0;
  std::array<std::vector<std::uint64_t>, max_bit_planes> planes;  // bits of the magnitudes
  std::vector<std::uint64_t> sign;
  std::vector<std::uint64_t> significant;
  std::vector<std::uint64_t> visited;  // by this bit-plane's significance propagation pass
  std::vector<std::uint64_t> refined;
  std::vector<std::uint64_t> windows;
  // Of significant samples, in steps, 64 to a word of the maps:
  std::vector<float> magnitude;       // before rounding
  std::vector<float> weight;          // of a squared error
  std::vector<float> reconstruction;  // as a decoder has it now
  std::vector<MqSnapshot> snapshots;
  std::vector<std::uint8_t> buffer;

  // Takes the block's size and makes room; every map is cleared, `planes` up to `bit_planes`.
  void reset(const BlockInput& input, std::uint32_t bit_planes);

  std::uint32_t word_index(std::uint32_t stripe, std::uint32_t word) const {
    return (stripe + 1) * (words_across + 2) + word + 1;
  }
  std::uint32_t window_index(std::uint32_t stripe, std::uint32_t column) const {
    return (stripe + 1) * (width + 2) + column + 1;
  }
  std::uint32_t columns_in(std::uint32_t word) const { return width - 16 * word < 16 ? width - 16 * word : 16; }
  std::uint32_t rows_in(std::uint32_t stripe) const { return height - 4 * stripe < 4 ? height - 4 * stripe : 4; }
  // The bits of a word that are samples of the block.
  std::uint64_t valid(std::uint32_t stripe, std::uint32_t word) const {
    const std::uint32_t columns = columns_in(word);
    const std::uint64_t across = columns == 16 ? ~std::uint64_t{0} : (std::uint64_t{1} << (4 * columns)) - 1;
    return across & (std::uint64_t{0x1111111111111111} * ((1U << rows_in(stripe)) - 1));
  }
};

}  // namespace flowroi
