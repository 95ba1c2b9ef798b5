// Note [Checksums]
// LibTorch reads zip archives without looking at their checksums, and runs bytecode without
// checking its operands: one flipped bit in it can end the process. So the records that hold the
// model's structure (pickles and versions, a small part of the file) are verified before anything
// is read. Weights are not: a flipped bit there changes a number, and reading them twice takes
// time.
#include "loading/archive.h"

#include <caffe2/serialize/versions.h>
#include <miniz.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace build_runtime {
namespace {

using caffe2::serialize::ReadAdapterInterface;

// Deflate cannot shrink further: a record that claims more than this times the file is damaged.
constexpr uint64_t kMaxExpansion = 1032;

// The archive's table of contents.
class Directory {
 public:
  explicit Directory(const ReadAdapterInterface& source) : source_(source) {
    zip_.m_pRead = read;
    zip_.m_pIO_opaque = this;
    if (!mz_zip_reader_init(&zip_, source.size(), 0)) {
      fail(BR_BAD_MODEL, "the model is damaged: its table of contents cannot be read");
    }
  }

  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  ~Directory() { mz_zip_reader_end(&zip_); }

  mz_zip_archive* zip() { return &zip_; }

 private:
  static size_t read(void* self, mz_uint64 position, void* buffer, size_t size) {
    return static_cast<Directory*>(self)->source_.read(position, buffer, size, "");
  }

  const ReadAdapterInterface& source_;
  mz_zip_archive zip_{};
};

// Four bits at a time: the verified records are small, and a table of sixteen numbers is too.
uint32_t crc32(const unsigned char* data, size_t size) {
  static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                     0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                     0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                     0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < size; ++i) {
    crc ^= data[i];
    crc = (crc >> 4) ^ table[crc & 15];
    crc = (crc >> 4) ^ table[crc & 15];
  }
  return ~crc;
}

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

// Whatever the case of letters, as miniz compares the names it is asked for. `end` is in lower
// case.
bool ends_with(const char* name, const char* end) {
  const size_t size = std::strlen(name);
  const size_t end_size = std::strlen(end);
  return size >= end_size &&
         std::equal(end, end + end_size, name + size - end_size,
                    [](char expected, char letter) { return expected == lower(letter); });
}

[[noreturn]] void fail_record(const char* name) {
  fail(BR_BAD_MODEL, std::string("the model is damaged: ") + name);
}

void check_record(mz_zip_archive* zip, const mz_zip_archive_file_stat& record) {
  size_t size = 0;
  void* data = mz_zip_reader_extract_to_heap(zip, record.m_file_index, &size, 0);
  const bool intact =
      data != nullptr && crc32(static_cast<const unsigned char*>(data), size) == record.m_crc32;
  mz_free(data);
  if (!intact) {
    fail_record(record.m_filename);
  }
}

// The reader of LibTorch leaks its table of contents when it gives up while it is being made, which
// it does for an archive without a folder or without a version it knows. What else it reads then
// has been checked.
void check_version(mz_zip_archive* zip) {
  char name[MZ_ZIP_MAX_ARCHIVE_FILENAME_SIZE];
  mz_zip_reader_get_filename(zip, 0, name, sizeof(name));
  const char* end = std::strchr(name, '/');
  if (end == nullptr) {
    fail_record("its table of contents");
  }
  const std::string folder(name, static_cast<size_t>(end + 1 - name));
  int index = mz_zip_reader_locate_file(zip, (folder + ".data/version").c_str(), nullptr, 0);
  if (index < 0) {
    index = mz_zip_reader_locate_file(zip, (folder + "version").c_str(), nullptr, 0);
  }
  std::string text;
  size_t size = 0;
  void* data = index < 0
                   ? nullptr
                   : mz_zip_reader_extract_to_heap(zip, static_cast<mz_uint>(index), &size, 0);
  if (data != nullptr) {
    text.assign(static_cast<const char*>(data), size);
    mz_free(data);
  }
  uint64_t version = 0;
  for (size_t i = 0; i < text.size() && text[i] >= '0' && text[i] <= '9' && version < 1000; ++i) {
    version = version * 10 + static_cast<uint64_t>(text[i] - '0');
  }
  if (version < caffe2::serialize::kMinSupportedFileFormatVersion ||
      version > caffe2::serialize::kMaxSupportedFileFormatVersion) {
    fail(BR_BAD_MODEL, "the model has no file format version this runtime reads (1 to " +
                           std::to_string(caffe2::serialize::kMaxSupportedFileFormatVersion) + ")");
  }
}

void check_format(const ReadAdapterInterface& source) {
  char head[8] = {};
  const size_t size = source.read(0, head, sizeof(head), "");
  if (size == sizeof(head) && std::memcmp(head + 4, "PTMF", 4) == 0) {
    fail(BR_BAD_MODEL, "the model is in flatbuffer format; save it in zip format");
  }
  if (size < sizeof(head) || std::memcmp(head, "PK\3\4", 4) != 0) {
    fail(BR_BAD_MODEL, "not a lite-interpreter model: not a zip archive");
  }
}

} // namespace

void check_archive(const ReadAdapterInterface& source) {
  check_format(source);
  Directory directory(source);
  bool bytecode = false;
  const mz_uint count = mz_zip_reader_get_num_files(directory.zip());
  for (mz_uint i = 0; i < count; ++i) {
    mz_zip_archive_file_stat record;
    // a longer name is cut in what tells of the record, and found by all of it
    if (!mz_zip_reader_file_stat(directory.zip(), i, &record) ||
        mz_zip_reader_get_filename(directory.zip(), i, nullptr, 0) > sizeof(record.m_filename)) {
      fail_record("its table of contents");
    }
    if (record.m_uncomp_size / kMaxExpansion > source.size()) {
      fail_record(record.m_filename);
    }
    if (ends_with(record.m_filename, ".pkl") || ends_with(record.m_filename, "/version") ||
        ends_with(record.m_filename, "/.data/serialization_id")) {
      check_record(directory.zip(), record);
    }
    bytecode |= ends_with(record.m_filename, "/bytecode.pkl");
  }
  if (!bytecode) {
    fail(BR_BAD_MODEL,
         "not a lite-interpreter model: it has no bytecode (save it with "
         "_save_for_lite_interpreter)");
  }
  check_version(directory.zip());
}

} // namespace build_runtime
