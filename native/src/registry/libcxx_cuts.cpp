// Parts of the C++ runtime that a model runtime never uses, kept out of the library.
//
// Note [Cutting libc++]. Streams format numbers through std::locale, whose constructor installs
// every facet there is: money, dates, messages, wide characters, parsing. Nothing here asks for
// those (a search of the linked code for use_facet<...> finds ctype<char>, num_put<char> and
// numpunct<char>, and the standard streams ask their codecvt whether it converts), but their
// virtual tables would keep 120 KB of code alive. The linker takes the first definition of a
// symbol, and our objects come before the archives (--allow-multiple-definition): these tables
// replace libc++'s. Asking for such a facet ends the process with a message.
//
// The demangler (90 KB) only makes the text of an uncaught exception prettier.
#include <cstdio>
#include <cstdlib>

// How names of libc++ are mangled: with its inline namespace, which differs between LLVM's and the
// NDK's, and with the C library's name of mbstate_t.
// NOLINTBEGIN(bugprone-reserved-identifier): the namespaces are called so
#define BR_MANGLED___1 "3__1"
#define BR_MANGLED___ndk1 "6__ndk1"
// NOLINTEND(bugprone-reserved-identifier)
#define BR_PASTE_(one, other) one##other
#define BR_PASTE(one, other) BR_PASTE_(one, other)
#define LIBCXX BR_PASTE(BR_MANGLED_, _LIBCPP_ABI_NAMESPACE)
#ifdef __BIONIC__
#define MBSTATE "9mbstate_t"
#else
#define MBSTATE "11__mbstate_t"
#endif

namespace {

[[noreturn]] void missing_facet() {
  std::fputs("build-runtime: a locale facet that is not in this runtime was used\n", stderr);
  std::abort();
}

} // namespace

extern "C" {

char* __cxa_demangle(const char* /*mangled*/, char* /*buffer*/, size_t* /*length*/, int* status) {
  if (status != nullptr) {
    *status = -2; // not a name this function can demangle: callers show the mangled one
  }
  return nullptr;
}

// A virtual table: two words before the functions, and more functions than any facet has.
#define ENTRY (reinterpret_cast<void*>(&missing_facet))
#define FOUR ENTRY, ENTRY, ENTRY, ENTRY
extern void* const br_missing_facet[18];
void* const br_missing_facet[18] = {nullptr, nullptr, FOUR, FOUR, FOUR, FOUR};
#define FACET(number, symbol)                                               \
  extern void* const br_facet_##number[18] __asm__("_ZTVNSt" LIBCXX symbol) \
      __attribute__((alias("br_missing_facet")));
FACET(0, "10moneypunctIcLb0EEE")
FACET(1, "10moneypunctIcLb1EEE")
FACET(2, "10moneypunctIwLb0EEE")
FACET(3, "10moneypunctIwLb1EEE")
FACET(4, "5ctypeIwEE")
FACET(5, "7codecvtIDiDu" MBSTATE "EE")
FACET(6, "7codecvtIDic" MBSTATE "EE")
FACET(7, "7codecvtIDsDu" MBSTATE "EE")
FACET(8, "7codecvtIDsc" MBSTATE "EE")
FACET(11, "7collateIcEE")
FACET(12, "7collateIwEE")
FACET(13, "7num_getIcNS_19istreambuf_iteratorIcNS_11char_traitsIcEEEEEE")
FACET(14, "7num_getIwNS_19istreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
FACET(15, "7num_putIwNS_19ostreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
FACET(16, "8messagesIcEE")
FACET(17, "8messagesIwEE")
FACET(18, "8numpunctIwEE")
FACET(19, "8time_getIcNS_19istreambuf_iteratorIcNS_11char_traitsIcEEEEEE")
FACET(20, "8time_getIwNS_19istreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
FACET(21, "8time_putIcNS_19ostreambuf_iteratorIcNS_11char_traitsIcEEEEEE")
FACET(22, "8time_putIwNS_19ostreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
FACET(23, "9money_getIcNS_19istreambuf_iteratorIcNS_11char_traitsIcEEEEEE")
FACET(24, "9money_getIwNS_19istreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
FACET(25, "9money_putIcNS_19ostreambuf_iteratorIcNS_11char_traitsIcEEEEEE")
FACET(26, "9money_putIwNS_19ostreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
}
