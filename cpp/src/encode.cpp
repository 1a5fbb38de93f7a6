// The encoder's entry: checks, then the path that the target asks for.
#include "checksum.hpp"
#include "flowroi/encoder.hpp"
#include "frame_coder.hpp"
#include "params.hpp"

namespace flowroi {

Scratch::Scratch() : buffers_(std::make_unique<Buffers>()) {}
Scratch::~Scratch() = default;
Scratch::Scratch(Scratch&&) noexcept = default;
Scratch& Scratch::operator=(Scratch&&) noexcept = default;

Encoded encode(const Frame& frame, const Roi& roi, const Params& params, Scratch& scratch) {
  validate(frame, roi, params);
  FrameCoder coder(frame, roi, params, scratch.buffers());
  Encoded encoded = params.lossless == Lossless::none ? encode_irreversible(coder) : encode_reversible(coder);
  encoded.statistics.crc32 = crc32(encoded.bytes);
  return encoded;
}

}  // namespace flowroi
