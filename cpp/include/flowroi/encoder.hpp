// The FlowRoI JPEG 2000 encoder (ISO/IEC 15444-1, Part 1): the only public header of the core.
// One frame, one component, one tile; the region of interest steers the rate-distortion trade coefficient by
// coefficient, so that the stream stays an ordinary Part 1 stream that every decoder opens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace flowroi {

// A parameter, or a combination of parameters, that the encoder cannot honour.
struct InvalidParameter : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// A target (bytes, quality) that this frame cannot reach.
struct UnreachableTarget : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Container : std::uint8_t { jp2, codestream };
enum class Progression : std::uint8_t { lrcp = 0, rlcp = 1, rpcl = 2, pcrl = 3, cprl = 4 };
enum class RoiMode : std::uint8_t { scaling, maxshift };
enum class Lossless : std::uint8_t { none, all, roi };
enum class Simd : std::uint8_t { automatic, portable };

// One grey frame in row-major order; exactly one of the sample pointers is set.
struct Frame {
  const std::uint8_t* samples8 = nullptr;
  const std::uint16_t* samples16 = nullptr;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

// The region of interest, of the frame's size and row-major: a mask (non-zero = RoI), or weights where 1 is the
// RoI and 0 the background; neither = the whole frame is equally important. Both: the weights steer the bits, the mask
// says which pixels a PSNR, max-shift or losslessness is about.
struct Roi {
  const std::uint8_t* mask = nullptr;
  const float* weights = nullptr;
  // 1, or 2 where the weights are of half the frame's width and height, rounded up, and interpolated; they then come
  // beside a mask.
  std::uint32_t weights_reduction = 1;
};

// Number of weights that belong to a frame.
inline std::size_t weight_count(const Frame& frame, const Roi& roi) {
  const std::uint32_t r = roi.weights_reduction;
  return std::size_t{frame.width / r + (frame.width % r != 0)} * (frame.height / r + (frame.height % r != 0));
}

struct Params {
  std::uint32_t bit_depth = 8;         // 1..16, the precision stored in SIZ
  std::uint32_t significant_bits = 8;  // PSNR's peak is 2^significant_bits - 1
  std::uint32_t levels = 5;            // decomposition levels, 0..32 (as many as the frame's size makes sense of)
  std::uint32_t code_block_width_exp = 6;
  std::uint32_t code_block_height_exp = 6;
  std::uint32_t layers = 1;  // quality layers, 1..256
  Progression progression = Progression::lrcp;
  Container container = Container::jp2;
  std::optional<bool> tlm;  // tile-part lengths; unset = only where the stream is long enough to want seeking
  std::optional<bool> plt;  // packet lengths; likewise
  RoiMode roi_mode = RoiMode::scaling;
  double scaling_factor = 5.0;              // s: an error in the RoI weighs s^2 times the same error in the background
  std::optional<int> refinement;            // don't-care iterations; unset = chosen from s
  std::optional<std::size_t> budget_bytes;  // at most this many bytes, container included
  std::optional<double> psnr;               // at least this PSNR inside the RoI, dB
  // Quantiser step in grey levels, clamped to what can be signalled: equal steps are equal slopes of weighted error
  // against bytes, so frames that share one share their quality. With psnr, the step at which its search begins.
  std::optional<double> step;
  Lossless lossless = Lossless::none;
  bool measure = false;  // reconstruct the frame and report the true errors in Statistics
  std::string comment;   // COM marker, Latin-1 text; empty = none
  Simd simd = Simd::automatic;
};

struct Statistics {
  std::size_t bytes = 0;         // the whole stream
  std::uint32_t crc32 = 0;       // of the whole stream, taken before it leaves the core
  std::size_t header_bytes = 0;  // boxes, markers and packet headers in it
  std::size_t passes_coded = 0;  // coding passes that tier-1 produced
  std::size_t passes_kept = 0;   // of them in the stream
  std::size_t code_blocks = 0;
  std::uint32_t tier1_runs = 0;       // times that tier-1 ran over the frame
  double step = 0;                    // quantiser step in grey levels (0 = reversible)
  double predicted_mse = 0;           // from the coefficients, without reconstruction
  double predicted_weighted_mse = 0;  // likewise, every squared error times its pixel weight
  // Exact, after rounding and clipping, as a conforming decoder gives them; -1 where not measured.
  double mse = -1;
  double roi_mse = -1;
  double background_mse = -1;
};

struct Encoded {
  std::vector<std::uint8_t> bytes;
  Statistics statistics;
};

// Buffers that are kept from frame to frame; one for each thread that encodes.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(Scratch&&) noexcept;
  Scratch& operator=(Scratch&&) noexcept;
  struct Buffers;
  Buffers& buffers() { return *buffers_; }

 private:
  std::unique_ptr<Buffers> buffers_;
};

// Largest width and height: one precinct holds a whole resolution level.
inline constexpr std::uint32_t max_side = 32768;

// Encodes one frame. Throws InvalidParameter or UnreachableTarget; deterministic for given inputs, whatever the
// thread, the scratch and the processor.
Encoded encode(const Frame& frame, const Roi& roi, const Params& params, Scratch& scratch);

// Name of the instruction set that `Simd::automatic` takes on this machine ("avx2" or "portable").
const char* simd_name();

}  // namespace flowroi
