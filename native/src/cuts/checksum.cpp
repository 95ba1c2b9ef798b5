// The checksum of the records of an archive. LibTorch's tables take 16 KB of the file; these are
// made when the first archive is read, and read at the same speed: 16 bytes at a time.
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace {

constexpr uint32_t kPolynomial = 0xedb88320; // of zip, its bits reversed
constexpr size_t kBytes = 16;

struct Tables {
  // What a byte adds to the checksum when so many other bytes follow it.
  uint32_t followed_by[kBytes][256];

  Tables() {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t value = byte;
      for (int bit = 0; bit < 8; ++bit) {
        value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
      }
      followed_by[0][byte] = value;
    }
    for (size_t more = 1; more < kBytes; ++more) {
      for (uint32_t byte = 0; byte < 256; ++byte) {
        const uint32_t value = followed_by[more - 1][byte];
        followed_by[more][byte] = (value >> 8) ^ followed_by[0][value & 0xff];
      }
    }
  }
};

} // namespace

extern "C" unsigned long mz_crc32(unsigned long before, const unsigned char* data, size_t size);

unsigned long mz_crc32(unsigned long before, const unsigned char* data, size_t size) {
  static const Tables tables;
  auto value = ~static_cast<uint32_t>(before);
  for (; size >= kBytes; size -= kBytes, data += kBytes) {
    uint8_t bytes[kBytes];
    std::memcpy(bytes, data, kBytes);
    for (size_t i = 0; i < sizeof(value); ++i) {
      bytes[i] ^= static_cast<uint8_t>(value >> (8 * i));
    }
    value = 0;
    for (size_t i = 0; i < kBytes; ++i) {
      value ^= tables.followed_by[kBytes - 1 - i][bytes[i]];
    }
  }
  for (; size > 0; --size, ++data) {
    value = (value >> 8) ^ tables.followed_by[0][(value ^ *data) & 0xff];
  }
  return static_cast<uint32_t>(~value);
}
