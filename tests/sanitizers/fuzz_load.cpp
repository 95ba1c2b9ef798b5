// A libFuzzer target for br_module_load_memory, with a mutator that keeps checksums valid: the
// loader refuses a changed record by its CRC, and what lies behind that check would never be
// reached.
#include <build_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

struct Entry {
  std::string name;
  std::vector<uint8_t> data;
};

uint32_t read(const uint8_t* at, int bytes) {
  uint32_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) {
    value = (value << 8) | at[i];
  }
  return value;
}

void write(std::vector<uint8_t>& out, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    out.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
}

uint32_t crc32(const std::vector<uint8_t>& data) {
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : data) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ (0xedb88320 & (0U - (crc & 1)));
    }
  }
  return ~crc;
}

// The stored records of a zip archive; false for an archive that is not plain.
bool parse(const uint8_t* data, size_t size, std::vector<Entry>& entries) {
  if (size < 22) {
    return false;
  }
  size_t end = size - 22;
  while (read(data + end, 4) != 0x06054b50) {
    if (end-- == 0) {
      return false;
    }
  }
  size_t at = read(data + end + 16, 4);
  for (uint32_t count = read(data + end + 10, 2); count > 0; --count) {
    if (at > size - 22 || size - at < 46 || read(data + at, 4) != 0x02014b50) {
      return false;
    }
    const size_t length = read(data + at + 24, 4);
    const size_t name = read(data + at + 28, 2);
    const size_t extra = read(data + at + 30, 2) + read(data + at + 32, 2);
    const size_t local = read(data + at + 42, 4);
    if (read(data + at + 10, 2) != 0 || size - at < 46 + name + extra || local > size - 30) {
      return false;
    }
    const size_t start = local + 30 + read(data + local + 26, 2) + read(data + local + 28, 2);
    if (start > size || size - start < length) {
      return false;
    }
    entries.push_back({std::string(reinterpret_cast<const char*>(data + at + 46), name),
                       std::vector<uint8_t>(data + start, data + start + length)});
    at += 46 + name + extra;
  }
  return !entries.empty();
}

void write_common(std::vector<uint8_t>& out, const Entry& entry) {
  write(out, 20, 2);
  write(out, 0, 4); // flags, method
  write(out, 0, 4); // time
  write(out, crc32(entry.data), 4);
  write(out, static_cast<uint32_t>(entry.data.size()), 4);
  write(out, static_cast<uint32_t>(entry.data.size()), 4);
  write(out, static_cast<uint32_t>(entry.name.size()), 2);
  write(out, 0, 2); // extra field
}

std::vector<uint8_t> pack(const std::vector<Entry>& entries) {
  std::vector<uint8_t> out;
  std::vector<uint8_t> directory;
  for (const Entry& entry : entries) {
    const auto offset = static_cast<uint32_t>(out.size());
    write(out, 0x04034b50, 4);
    write_common(out, entry);
    out.insert(out.end(), entry.name.begin(), entry.name.end());
    out.insert(out.end(), entry.data.begin(), entry.data.end());
    write(directory, 0x02014b50, 4);
    write(directory, 20, 2);
    write_common(directory, entry);
    write(directory, 0, 4); // comment, disk
    write(directory, 0, 2); // attributes inside
    write(directory, 0, 4); // and outside
    write(directory, offset, 4);
    directory.insert(directory.end(), entry.name.begin(), entry.name.end());
  }
  const auto start = static_cast<uint32_t>(out.size());
  out.insert(out.end(), directory.begin(), directory.end());
  write(out, 0x06054b50, 4);
  write(out, 0, 4);
  write(out, static_cast<uint32_t>(entries.size()), 2);
  write(out, static_cast<uint32_t>(entries.size()), 2);
  write(out, static_cast<uint32_t>(directory.size()), 4);
  write(out, start, 4);
  write(out, 0, 2);
  return out;
}

bool is_pickle(const Entry& entry) {
  return entry.name.size() > 4 && entry.name.compare(entry.name.size() - 4, 4, ".pkl") == 0;
}

} // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  std::minstd_rand random(seed);
  std::vector<Entry> entries;
  if (random() % 32 == 0 || !parse(data, size, entries)) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  if (random() % 32 == 0) { // a record more, or one less
    const size_t which = random() % entries.size();
    if (random() % 2 == 0) {
      entries.push_back(entries[which]);
    } else {
      entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(which));
    }
  } else {
    size_t which = random() % entries.size();
    for (int tries = 0; tries < 8 && !is_pickle(entries[which]); ++tries) {
      which = random() % entries.size();
    }
    std::vector<uint8_t>& chosen = entries[which].data;
    const size_t before = chosen.size();
    const size_t limit = before + (max_size > size ? std::min<size_t>(max_size - size, 256) : 0);
    chosen.resize(limit + 1);
    chosen.resize(LLVMFuzzerMutate(chosen.data(), before, limit + 1));
  }
  const std::vector<uint8_t> packed = pack(entries);
  if (packed.size() > max_size) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  std::memcpy(data, packed.data(), packed.size());
  return packed.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  br_module* module = nullptr;
  br_error* error = nullptr;
  const br_status status = br_module_load_memory(data, size, &module, &error);
  if (status == BR_OK) {
    for (size_t i = 0; i < br_module_method_count(module); ++i) {
      if (br_module_method_name(module, i) == nullptr) {
        std::abort();
      }
    }
    br_module_free(module);
  } else if (br_error_status(error) != status || br_error_message(error)[0] == '\0') {
    std::fputs("an error without status or text\n", stderr);
    std::abort();
  }
  br_error_free(error);
  return 0;
}
