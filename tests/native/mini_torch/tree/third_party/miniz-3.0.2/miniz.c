/* The checksum of zip archives; the one file in C. */
#include <stdint.h>

uint32_t mini_crc(const unsigned char* data, unsigned long size);

uint32_t mini_crc(const unsigned char* data, unsigned long size) {
  uint32_t crc = 0xffffffffu;
  unsigned long i;
  int bit;
  for (i = 0; i < size; ++i) {
    crc ^= data[i];
    for (bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
    }
  }
  return crc ^ 0xffffffffu;
}
