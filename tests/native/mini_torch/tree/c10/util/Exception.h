// Headers of the C++ library are avoided where many files would parse them: the tests build often.
#pragma once

#include <exception>

namespace c10 {

class Error : public std::exception {
 public:
  Error(const char* what, const char* about);
  const char* what() const noexcept override { return text_; }

 private:
  char text_[256];
};

// Throws an error that says what is wrong, and about what.
[[noreturn]] void fail(const char* what, const char* about = "");

} // namespace c10
