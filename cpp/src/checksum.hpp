// CRC-32 as zlib, PNG and Ethernet have it (polynomial 0x04C11DB7, reflected): finds damage to a finished stream.
#pragma once

#include <cstdint>
#include <span>

namespace flowroi {

std::uint32_t crc32(std::span<const std::uint8_t> bytes);

}  // namespace flowroi
