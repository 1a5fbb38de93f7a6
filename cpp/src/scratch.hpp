// The buffers behind Scratch.
#pragma once

#include "block_encoder.hpp"
#include "dwt.hpp"
#include "flowroi/encoder.hpp"
#include "roi.hpp"

namespace flowroi {

struct Scratch::Buffers {
  DwtBuffers dwt;
  RoiBuffers roi;
  BlockEncoder block_encoder;
  std::vector<float> coefficients;
  std::vector<float> roots;           // root weights, laid out like the coefficients
  std::vector<float> reconstruction;  // likewise, coefficients as a decoder has them
  std::vector<float> refinement;
  std::vector<std::uint8_t> needed;  // coefficients that the RoI needs exactly, or first
  std::vector<std::int32_t> index;   // one code-block
  std::vector<float> magnitude;      // one code-block
  std::vector<BlockOutput> blocks;
};

// A buffer of at least `size` elements, kept.
template <typename T>
T* sized(std::vector<T>& buffer, std::size_t size) {
  if (buffer.size() < size) buffer.resize(size);
  return buffer.data();
}

}  // namespace flowroi
