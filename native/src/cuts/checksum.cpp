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
  uint32_t followed_by[kBytes][256] = {};

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

// What four bytes add, of which the first is followed by `more` others. Written out, and inlined:
// what is compiled to be small unrolls nothing, and every byte of a model comes through here.
[[gnu::always_inline]] inline uint32_t add_word(const Tables& tables, size_t more, uint32_t word) {
  return tables.followed_by[more][word & 0xff] ^ tables.followed_by[more - 1][(word >> 8) & 0xff] ^
         tables.followed_by[more - 2][(word >> 16) & 0xff] ^
         tables.followed_by[more - 3][word >> 24];
}

} // namespace

extern "C" unsigned long mz_crc32(unsigned long before, const unsigned char* data, size_t size);

unsigned long mz_crc32(unsigned long before, const unsigned char* data, size_t size) {
  static const Tables tables;
  auto value = ~static_cast<uint32_t>(before);
  for (; size >= kBytes; size -= kBytes, data += kBytes) {
    uint32_t words[4]; // every ABI has the lowest byte first
    std::memcpy(words, data, kBytes);
    value = add_word(tables, 15, words[0] ^ value) ^ add_word(tables, 11, words[1]) ^
            add_word(tables, 7, words[2]) ^ add_word(tables, 3, words[3]);
  }
  for (; size > 0; --size, ++data) {
    value = (value >> 8) ^ tables.followed_by[0][(value ^ *data) & 0xff];
  }
  return ~value;
}
