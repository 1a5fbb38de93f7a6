// Tag trees against the example of ISO/IEC 15444-1, B.10.2 (figure B.12).
#include <string>
#include <vector>

#include "check.hpp"
#include "tag_tree.hpp"

namespace {

using namespace flowroi;

std::string bits_of(const std::vector<std::uint8_t>& bytes, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += ((bytes[i / 8] >> (7 - i % 8)) & 1U) != 0 ? '1' : '0';
  return text;
}

void standard_example() {
  const std::uint32_t values[3][6] = {{1, 3, 2, 3, 2, 3}, {2, 2, 1, 4, 3, 2}, {2, 2, 2, 2, 1, 2}};
  TagTree tree(6, 3);
  for (std::uint32_t y = 0; y < 3; ++y) {
    for (std::uint32_t x = 0; x < 6; ++x) tree.set(x, y, values[y][x]);
  }
  tree.build();
  std::vector<std::uint8_t> bytes;
  BitWriter bits(bytes);
  for (std::uint32_t x = 0; x < 3; ++x) tree.encode(x, 0, values[0][x] + 1, bits);
  bits.finish();
  CHECK(bits_of(bytes, 11) == "01111001101");
}

// A header never holds nine ones in a row across a byte 0xFF, nor ends on one.
void bit_stuffing() {
  std::vector<std::uint8_t> bytes;
  BitWriter bits(bytes);
  for (int i = 0; i < 8; ++i) bits.put(1);
  bits.finish();
  CHECK((bytes == std::vector<std::uint8_t>{0xFF, 0x00}));
  bytes.clear();
  BitWriter more(bytes);
  for (int i = 0; i < 16; ++i) more.put(1);
  more.finish();
  CHECK((bytes == std::vector<std::uint8_t>{0xFF, 0x7F, 0x80}));
}

}  // namespace

int main() {
  standard_example();
  bit_stuffing();
  return failures;
}
