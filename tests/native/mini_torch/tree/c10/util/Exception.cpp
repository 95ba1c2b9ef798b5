#include <c10/util/Exception.h>

#include <stdio.h>

namespace c10 {

Error::Error(const char* what, const char* about) {
  snprintf(text_, sizeof(text_), "%s%s%s", what, *about == '\0' ? "" : ": ", about);
}

void fail(const char* what, const char* about) {
  throw Error(what, about);
}

} // namespace c10
