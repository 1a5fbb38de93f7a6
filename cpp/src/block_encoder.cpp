// The room that a code-block's coding state takes (see block_encoder.hpp).
#include "block_encoder.hpp"

#include <algorithm>

namespace flowroi {
namespace {

// Every sample is coded at most once a bit-plane, with one sign; a column adds at most three run-length decisions a
// bit-plane. A decision shifts out at most 15 bits, and bit stuffing adds one bit in 15.
constexpr std::size_t most_decisions =
    max_block_samples * (max_bit_planes + 1) + 3 * (max_block_samples / 4) * std::size_t{max_bit_planes};
constexpr std::size_t buffer_bytes = 2 * most_decisions + 64;

template <typename T>
void clear(std::vector<T>& map, std::size_t size) {
  if (map.size() < size) map.resize(size);
  std::fill_n(map.begin(), size, T{});
}

}  // namespace

void BlockEncoder::reset(const BlockInput& input, std::uint32_t bit_planes) {
  width = input.width;
  height = input.height;
  words_across = (width + 15) / 16;
  stripes = (height + 3) / 4;
  const std::size_t words = std::size_t{stripes + 2} * (words_across + 2);
  for (std::uint32_t p = 0; p < bit_planes; ++p) clear(planes[p], words);
  clear(sign, words);
  clear(significant, words);
  clear(visited, words);
  clear(refined, words);
  clear(windows, std::size_t{stripes + 2} * (width + 2));
  if (reconstruction.size() < 64 * words) {
    magnitude.resize(64 * words);
    weight.resize(64 * words);
    reconstruction.resize(64 * words);
  }
  snapshots.clear();
  if (buffer.empty()) buffer.resize(buffer_bytes);
}

}  // namespace flowroi
