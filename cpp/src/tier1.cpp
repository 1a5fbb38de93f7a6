// Tier-1 over a frame (see tier1.hpp).
#include "tier1.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace flowroi {
namespace {

// Fills buffers.index and buffers.magnitude for one block; returns the OR of all indices' magnitudes.
std::uint32_t quantize_block(const QuantizedFrame& f, const Subband& band, const CodeBlock& block,
                             Scratch::Buffers& buffers) {
  std::int32_t* index = sized(buffers.index, max_block_samples);
  float* magnitude = sized(buffers.magnitude, max_block_samples);
  const auto inverse = static_cast<float>(1 / f.quantizer.subband_step(band));
  std::uint32_t all = 0;
  for (std::uint32_t y = 0; y < block.height; ++y) {
    const std::size_t start = band.offset + std::size_t{block.y0 + y} * band.stride + block.x0;
    const QuantizeRow row{f.coefficients + start, f.roots == nullptr ? nullptr : f.roots + start, inverse, block.width};
    all |= f.kernels.quantize_row(row, index + y * block.width, magnitude + y * block.width);
    if (f.shift == 0) continue;
    for (std::uint32_t x = 0; x < block.width; ++x) {
      std::int32_t& value = index[y * block.width + x];
      if (f.shifted[start + x] == 0 || value == 0) continue;
      // Decoders put a shifted value in the middle of its last bit-plane before they scale it back, which would leave
      // it at the lower end of its interval; the bit below the last one makes up for that.
      const std::int32_t scaled = (std::abs(value) << f.shift) | (std::int32_t{1} << (f.shift - 1));
      value = value < 0 ? -scaled : scaled;
      magnitude[y * block.width + x] *= static_cast<float>(std::uint32_t{1} << f.shift);
      all |= static_cast<std::uint32_t>(scaled);
    }
  }
  return all;
}

template <typename Visit>
void for_each_block(const Geometry& g, Visit&& visit) {
  for (const Subband& band : g.subbands) {
    for (std::uint32_t i = 0; i < band.block_count(); ++i) {
      visit(band, g.blocks[band.first_block + i], band.first_block + i);
    }
  }
}

BlockInput block_input(const QuantizedFrame& f, const Subband& band, const CodeBlock& block, std::uint32_t all_bits,
                       const Scratch::Buffers& buffers) {
  BlockInput input;
  input.index = buffers.index.data();
  input.magnitude = buffers.magnitude.data();
  if (f.roots != nullptr) {
    input.root_weights = f.roots + band.offset + std::size_t{block.y0} * band.stride + block.x0;
    input.root_weight_stride = band.stride;
  }
  input.width = block.width;
  input.height = block.height;
  input.orientation = band.orientation;
  input.all_bits = all_bits;
  return input;
}

float unshifted(float value, const QuantizedFrame& f) {
  return f.shift != 0 && value >= std::ldexp(1.0F, static_cast<int>(f.shift))
             ? std::ldexp(value, -static_cast<int>(f.shift))
             : value;
}

}  // namespace

BitPlanes count_bit_planes(const QuantizedFrame& f, Scratch::Buffers& buffers) {
  std::uint32_t all = 0;
  std::uint32_t plain = 0;
  for_each_block(f.geometry, [&](const Subband& band, const CodeBlock& block, std::uint32_t) {
    all |= quantize_block(f, band, block, buffers);
    for (std::uint32_t y = 0; y < block.height; ++y) {
      const std::size_t start = band.offset + std::size_t{block.y0 + y} * band.stride + block.x0;
      for (std::uint32_t x = 0; x < block.width; ++x) {
        if (f.shifted == nullptr || f.shifted[start + x] == 0) {
          plain |= static_cast<std::uint32_t>(std::abs(buffers.index[y * block.width + x]));
        }
      }
    }
  });
  return {static_cast<std::uint32_t>(std::bit_width(all)), static_cast<std::uint32_t>(std::bit_width(plain))};
}

std::size_t code_blocks(const QuantizedFrame& f, bool with_distortion, Scratch::Buffers& buffers) {
  buffers.blocks.resize(f.geometry.blocks.size());
  std::size_t passes = 0;
  for_each_block(f.geometry, [&](const Subband& band, const CodeBlock& block, std::uint32_t number) {
    const std::uint32_t all = quantize_block(f, band, block, buffers);
    BlockInput input = block_input(f, band, block, all, buffers);
    input.with_distortion = with_distortion;
    f.kernels.encode_block(input, buffers.block_encoder, buffers.blocks[number]);
    passes += buffers.blocks[number].passes.size();
  });
  return passes;
}

void reconstruct_all(const QuantizedFrame& f, Scratch::Buffers& buffers) {
  float* out = sized(buffers.reconstruction, f.geometry.coefficient_count);
  for_each_block(f.geometry, [&](const Subband& band, const CodeBlock& block, std::uint32_t) {
    quantize_block(f, band, block, buffers);
    const auto step = static_cast<float>(f.quantizer.subband_step(band));
    const float middle = f.quantizer.reversible ? 0.0F : 0.5F;
    for (std::uint32_t y = 0; y < block.height; ++y) {
      float* row = out + band.offset + std::size_t{block.y0 + y} * band.stride + block.x0;
      for (std::uint32_t x = 0; x < block.width; ++x) {
        const std::int32_t q = buffers.index[y * block.width + x];
        const float value = q == 0 ? 0.0F : unshifted(static_cast<float>(std::abs(q)) + middle, f) * step;
        row[x] = q < 0 ? -value : value;
      }
    }
  });
}

void reconstruct_kept(const QuantizedFrame& f, const Allocation& allocation, Scratch::Buffers& buffers) {
  float* out = sized(buffers.reconstruction, f.geometry.coefficient_count);
  BlockOutput again;
  for_each_block(f.geometry, [&](const Subband& band, const CodeBlock& block, std::uint32_t number) {
    BlockInput input = block_input(f, band, block, 0, buffers);
    input.max_passes = allocation.final_passes(number);
    if (input.max_passes > 0) {
      input.all_bits = quantize_block(f, band, block, buffers);
      f.kernels.encode_block(input, buffers.block_encoder, again);
    }
    const BlockEncoder& state = buffers.block_encoder;
    const auto step = static_cast<float>(f.quantizer.subband_step(band));
    for (std::uint32_t y = 0; y < block.height; ++y) {
      float* row = out + band.offset + std::size_t{block.y0 + y} * band.stride + block.x0;
      for (std::uint32_t x = 0; x < block.width; ++x) {
        row[x] = 0;
        if (input.max_passes == 0 || input.all_bits == 0) continue;
        const std::uint32_t word = state.word_index(y / 4, x / 16);
        const std::uint32_t b = 4 * (x % 16) + y % 4;
        if (((state.significant[word] >> b) & 1U) == 0) continue;
        const float value = unshifted(state.reconstruction[64 * std::size_t{word} + b], f) * step;
        row[x] = ((state.sign[word] >> b) & 1U) != 0 ? -value : value;
      }
    }
  });
}

std::vector<float> block_scales(const QuantizedFrame& f) {
  std::vector<float> scales(f.geometry.blocks.size());
  for_each_block(f.geometry, [&](const Subband& band, const CodeBlock&, std::uint32_t number) {
    const double norm = synthesis_norm(band, f.quantizer.reversible) * f.quantizer.subband_step(band);
    scales[number] = static_cast<float>(norm * norm);
  });
  return scales;
}

}  // namespace flowroi
