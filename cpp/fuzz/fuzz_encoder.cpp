// Fuzzes the encoder: parameters, frame and RoI all come from the input bytes. Runs under libFuzzer
// (LLVMFuzzerTestOneInput), or by itself on pseudo-random inputs: `fuzz_encoder EXECUTIONS SEED`.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "flowroi/encoder.hpp"

namespace {

using namespace flowroi;

// Reads numbers off the input; zeros behind its end.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::uint32_t byte() { return position_ < size_ ? data_[position_++] : 0; }
  std::uint32_t below(std::uint32_t limit) { return (byte() << 8 | byte()) % limit; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t position_ = 0;
};

Params make_params(Input& in) {
  Params p;
  p.bit_depth = in.below(16) == 0 ? in.below(20) : 1 + in.below(16);
  p.significant_bits = p.bit_depth > 0 ? 1 + in.below(p.bit_depth) : 0;
  p.levels = in.below(8) == 0 ? in.below(40) : in.below(7);
  p.code_block_width_exp = 2 + in.below(6);
  p.code_block_height_exp = 2 + in.below(6);
  p.layers = in.below(6) == 0 ? in.below(30) : 1;
  p.progression = static_cast<Progression>(in.below(5));
  p.container = in.below(2) == 0 ? Container::jp2 : Container::codestream;
  if (in.below(3) == 0) p.tlm = in.below(2) == 0;
  if (in.below(3) == 0) p.plt = in.below(2) == 0;
  p.roi_mode = in.below(5) == 0 ? RoiMode::maxshift : RoiMode::scaling;
  p.scaling_factor = (in.below(20) == 0 ? 0.5 : 1.0) + in.below(400) / 8.0;
  if (in.below(2) == 0) p.refinement = static_cast<int>(in.below(4));
  switch (in.below(6)) {
    case 0:
      p.psnr = in.below(120);
      if (in.below(3) == 0) p.step = in.below(4000) / 16.0;
      break;
    case 1:
      p.lossless = Lossless::all;
      break;
    case 2:
      p.lossless = Lossless::roi;
      if (in.below(2) == 0) p.budget_bytes = in.below(8000);
      break;
    case 3:
      p.step = in.below(4000) / 16.0;
      break;
    default:
      p.budget_bytes = in.below(8000);
  }
  p.measure = in.below(4) == 0;
  p.simd = in.below(3) == 0 ? Simd::portable : Simd::automatic;
  p.comment = std::string(in.below(40), 'c');
  return p;
}

// Returns whether the parameters were taken.
bool run(const std::uint8_t* data, std::size_t size, Scratch& scratch) {
  Input in(data, size);
  const Params params = make_params(in);
  Frame frame;
  frame.width = 1 + in.below(in.below(4) == 0 ? 150 : 40);
  frame.height = 1 + in.below(in.below(4) == 0 ? 150 : 40);
  const std::size_t count = std::size_t{frame.width} * frame.height;
  std::vector<std::uint8_t> bytes(count);
  std::vector<std::uint16_t> words(count);
  const std::uint32_t kind = in.below(5);
  const std::uint32_t depth = params.bit_depth == 0 ? 1 : params.bit_depth;
  const std::uint32_t depth_mask = in.below(50) == 0 ? 0xFFFFU : (1U << (depth < 16 ? depth : 16)) - 1;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t value = in.byte() << 8 | in.byte();
    if (kind == 0) value = 0xFFFF;
    if (kind == 1) value = static_cast<std::uint32_t>(i * 37 % 65521);
    if (kind == 2) value = (i / 7) % 2 == 0 ? 0 : 0xFFFF;
    value &= depth_mask;
    words[i] = static_cast<std::uint16_t>(value);
    bytes[i] = static_cast<std::uint8_t>(value);
  }
  if (depth <= 8 && in.below(2) == 0) {
    frame.samples8 = bytes.data();
  } else {
    frame.samples16 = words.data();
  }
  std::vector<std::uint8_t> mask(count);
  std::vector<float> weights(count);
  Roi roi;
  const std::uint32_t roi_kind = in.below(6);
  for (std::size_t i = 0; i < count; ++i) {
    mask[i] = in.below(9) == 0 ? 1 : 0;
    weights[i] = static_cast<float>(in.below(300)) / 100.0F;
  }
  if (roi_kind == 1 || roi_kind == 2 || roi_kind >= 4) roi.mask = mask.data();
  if (roi_kind == 5) {
    // A buffer of just that size: reading beyond it would be seen.
    roi.weights_reduction = 2;
    weights.resize(weight_count(frame, roi));
    weights.shrink_to_fit();
  }
  if (roi_kind == 3 || roi_kind >= 4) roi.weights = weights.data();
  try {
    const Encoded encoded = encode(frame, roi, params, scratch);
    if (params.budget_bytes && encoded.bytes.size() > *params.budget_bytes) std::abort();
    if (encoded.statistics.bytes != encoded.bytes.size()) std::abort();
    return true;
  } catch (const InvalidParameter&) {
    return false;
  } catch (const UnreachableTarget&) {
    return true;
  }
}

long taken = 0;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Scratch scratch;
  if (run(data, size, scratch)) ++taken;
  return 0;
}

#ifndef FLOWROI_LIBFUZZER
int main(int argc, char** argv) {
  const long executions = argc > 1 ? std::atol(argv[1]) : 10000;
  std::mt19937 random(argc > 2 ? static_cast<unsigned>(std::atol(argv[2])) : 1U);
  std::vector<std::uint8_t> input;
  for (long i = 0; i < executions; ++i) {
    input.resize(random() % 6000);
    for (auto& byte : input) byte = static_cast<std::uint8_t>(random());
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%ld executions, %ld of them with valid parameters, nothing found\n", executions, taken);
  return taken * 3 < executions ? 1 : 0;
}
#endif
