// The two places a model's bytes come from.
#include "loading/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace build_runtime {
namespace {

using caffe2::serialize::ReadAdapterInterface;

class MemorySource final : public ReadAdapterInterface {
 public:
  MemorySource(const void* data, size_t size)
      : data_(static_cast<const char*>(data)), size_(size) {}

  size_t size() const override { return size_; }

  // A damaged archive may point past its end: short reads make the zip reader refuse it.
  size_t read(uint64_t position, void* buffer, size_t count, const char* /*what*/) const override {
    if (position >= size_) {
      return 0;
    }
    count = std::min(count, size_ - static_cast<size_t>(position));
    std::memcpy(buffer, data_ + position, count);
    return count;
  }

 private:
  const char* data_;
  size_t size_;
};

[[noreturn]] void fail_file(const char* path, int code) {
  fail(BR_IO, std::string("cannot read ") + path + ": " + std::strerror(code));
}

class FileSource final : public ReadAdapterInterface {
 public:
  explicit FileSource(const char* path) : descriptor_(::open(path, O_RDONLY | O_CLOEXEC)) {
    struct stat status{};
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) {
      close_and_fail(path, errno);
    }
    if (!S_ISREG(status.st_mode)) {
      close_and_fail(path, S_ISDIR(status.st_mode) ? EISDIR : ESPIPE);
    }
    size_ = static_cast<uint64_t>(status.st_size);
  }

  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  ~FileSource() override { ::close(descriptor_); }

  size_t size() const override { return static_cast<size_t>(std::min<uint64_t>(size_, SIZE_MAX)); }

  size_t read(uint64_t position, void* buffer, size_t count, const char* /*what*/) const override {
    size_t done = 0;
    while (done < count) {
      const ssize_t got = ::pread(descriptor_, static_cast<char*>(buffer) + done, count - done,
                                  static_cast<off_t>(position + done));
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got <= 0) {
        break;
      }
      done += static_cast<size_t>(got);
    }
    return done;
  }

 private:
  [[noreturn]] void close_and_fail(const char* path, int code) const {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
    fail_file(path, code);
  }

  int descriptor_;
  uint64_t size_ = 0;
};

} // namespace

std::shared_ptr<ReadAdapterInterface> open_file(const char* path) {
  return std::make_shared<FileSource>(path);
}

std::shared_ptr<ReadAdapterInterface> open_memory(const void* data, size_t size) {
  return std::make_shared<MemorySource>(data, size);
}

} // namespace build_runtime
