// The MQ coder against the test sequence that ITU-T T.88 (JBIG2) gives for it in Annex H.2, and its truncation points
// against a decoder written from Annex C's flow charts.
#include <vector>

#include "check.hpp"
#include "mq_encoder.hpp"

namespace {

using namespace flowroi;

void known_answer() {
  const std::vector<std::uint8_t> input = {0x00, 0x02, 0x00, 0x51, 0x00, 0x00, 0x00, 0xC0, 0x03, 0x52, 0x87,
                                           0x2A, 0xAA, 0xAA, 0xAA, 0xAA, 0x82, 0xC0, 0x20, 0x00, 0xFC, 0xD7,
                                           0x9E, 0xF6, 0xBF, 0x7F, 0xED, 0x90, 0x4F, 0x46, 0xA3, 0xBF};
  const std::vector<std::uint8_t> expected = {0x84, 0xC7, 0x3B, 0xFC, 0xE1, 0xA1, 0x43, 0x04, 0x02, 0x20,
                                              0x00, 0x00, 0x41, 0x0D, 0xBB, 0x86, 0xF4, 0x31, 0x7F, 0xFF,
                                              0x88, 0xFF, 0x37, 0x47, 0x1A, 0xDB, 0x6A, 0xDF};
  std::vector<std::uint8_t> buffer(256);
  MqEncoder encoder(buffer.data() + 1);
  std::uint8_t context = 0;
  for (const std::uint8_t byte : input) {
    for (int bit = 7; bit >= 0; --bit) encoder.encode(context, (byte >> bit) & 1U);
  }
  const std::uint32_t size = encoder.flush();
  CHECK(size == expected.size());
  for (std::size_t i = 0; i < expected.size() && i < size; ++i) CHECK(buffer[i + 1] == expected[i]);
}

// MQ decoder (C.3) that reads ones behind the end.
class Decoder {
 public:
  Decoder(const std::uint8_t* bytes, std::uint32_t size) : bytes_(bytes), size_(size) {
    c_ = std::uint32_t{at(0)} << 16;
    byte_in();
    c_ <<= 7;
    ct_ -= 7;
  }

  std::uint32_t decode(std::uint8_t& context) {
    const MqState state = mq_states[context];
    std::uint32_t decision = context & 1U;
    a_ -= state.qe;
    if ((c_ >> 16) < state.qe) {
      if (a_ < state.qe) {
        context = state.next_mps;
      } else {
        decision ^= 1;
        context = state.next_lps;
      }
      a_ = state.qe;
    } else {
      c_ -= std::uint32_t{state.qe} << 16;
      if ((a_ & 0x8000U) != 0) return decision;
      if (a_ < state.qe) {
        decision ^= 1;
        context = state.next_lps;
      } else {
        context = state.next_mps;
      }
    }
    do {
      if (ct_ == 0) byte_in();
      a_ <<= 1;
      c_ <<= 1;
      --ct_;
    } while ((a_ & 0x8000U) == 0);
    return decision;
  }

 private:
  std::uint8_t at(std::uint32_t i) const { return i < size_ ? bytes_[i] : 0xFF; }

  void byte_in() {
    if (at(position_) == 0xFF) {
      if (at(position_ + 1) > 0x8F) {
        c_ += 0xFF00;
        ct_ = 8;
      } else {
        c_ += std::uint32_t{at(++position_)} << 9;
        ct_ = 7;
      }
    } else {
      c_ += std::uint32_t{at(++position_)} << 8;
      ct_ = 8;
    }
  }

  const std::uint8_t* bytes_;
  std::uint32_t size_;
  std::uint32_t position_ = 0;
  std::uint32_t a_ = 0x8000;
  std::uint32_t c_ = 0;
  std::uint32_t ct_ = 0;
};

// Every prefix that truncation_length gives decodes everything before its snapshot; the mean excess is small.
void truncation_points() {
  Random random(7);
  std::uint64_t shorter_would_do = 0;
  std::uint64_t points = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    const int decisions = 1 + static_cast<int>(random() % 400);
    const unsigned skew = 1 + random() % 12;
    std::vector<std::uint8_t> bits;
    std::vector<std::uint8_t> which;
    std::vector<MqSnapshot> snapshots;
    std::vector<int> ends;
    std::vector<std::uint8_t> buffer(4096);
    MqEncoder encoder(buffer.data() + 1);
    MqContexts contexts = initial_mq_contexts();
    for (int i = 0; i < decisions; ++i) {
      const auto context = static_cast<std::uint8_t>(random() % context_count);
      const auto bit = static_cast<std::uint8_t>(random() % skew == 0 ? 1 : 0);
      encoder.encode(contexts[context], bit);
      bits.push_back(bit);
      which.push_back(context);
      if (random() % 40 == 0 || i + 1 == decisions) {
        snapshots.push_back(encoder.snapshot());
        ends.push_back(i + 1);
      }
    }
    const std::uint32_t size = encoder.flush();
    const std::uint8_t* bytes = buffer.data() + 1;
    const auto decodes = [&](std::uint32_t length, int count) {
      Decoder decoder(bytes, length);
      MqContexts states = initial_mq_contexts();
      for (int i = 0; i < count; ++i) {
        if (decoder.decode(states[which[static_cast<std::size_t>(i)]]) != bits[static_cast<std::size_t>(i)])
          return false;
      }
      return true;
    };
    std::uint32_t length = 0;
    for (std::size_t s = 0; s < snapshots.size(); ++s) {
      const std::uint32_t previous = length;
      length = truncation_length(snapshots[s], bytes, size, length);
      CHECK(length <= size);
      CHECK(decodes(length, ends[s]));
      ++points;
      if (length > previous && length > 0 && decodes(length - 1, ends[s])) ++shorter_would_do;
    }
  }
  std::printf("%llu truncation points, %llu not the shortest\n", static_cast<unsigned long long>(points),
              static_cast<unsigned long long>(shorter_would_do));
  CHECK(shorter_would_do * 50 < points);
}

// Runs of zeros in one go give the bytes of one decision after the other.
void runs_of_zeros() {
  Random random(3);
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<std::uint8_t> one_by_one(4096);
    std::vector<std::uint8_t> in_runs(4096);
    MqEncoder a(one_by_one.data() + 1);
    MqEncoder b(in_runs.data() + 1);
    std::uint8_t context_a = 6;
    std::uint8_t context_b = 6;
    for (int run = 0; run < 20; ++run) {
      const std::uint32_t zeros = random() % 200;
      for (std::uint32_t i = 0; i < zeros; ++i) a.encode(context_a, 0);
      b.encode_zeros(context_b, zeros);
      if (random() % 2 == 0) {
        a.encode(context_a, 1);
        b.encode(context_b, 1);
      }
    }
    CHECK(context_a == context_b);
    CHECK(a.flush() == b.flush());
    CHECK(one_by_one == in_runs);
  }
}

}  // namespace

int main() {
  known_answer();
  truncation_points();
  runs_of_zeros();
  return failures;
}
