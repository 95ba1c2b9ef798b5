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
#define FACET(number, symbol)                              \
  extern void* const br_facet_##number[18] __asm__(symbol) \
      __attribute__((alias("br_missing_facet")));
FACET(0, "_ZTVNSt3__110moneypunctIcLb0EEE")
FACET(1, "_ZTVNSt3__110moneypunctIcLb1EEE")
FACET(2, "_ZTVNSt3__110moneypunctIwLb0EEE")
FACET(3, "_ZTVNSt3__110moneypunctIwLb1EEE")
FACET(4, "_ZTVNSt3__15ctypeIwEE")
FACET(5, "_ZTVNSt3__17codecvtIDiDu11__mbstate_tEE")
FACET(6, "_ZTVNSt3__17codecvtIDic11__mbstate_tEE")
FACET(7, "_ZTVNSt3__17codecvtIDsDu11__mbstate_tEE")
FACET(8, "_ZTVNSt3__17codecvtIDsc11__mbstate_tEE")
FACET(11, "_ZTVNSt3__17collateIcEE")
FACET(12, "_ZTVNSt3__17collateIwEE")
FACET(13, "_ZTVNSt3__17num_getIcNS_19istreambuf_iteratorIcNS_11char_traitsIcEEEEEE")
FACET(14, "_ZTVNSt3__17num_getIwNS_19istreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
FACET(15, "_ZTVNSt3__17num_putIwNS_19ostreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
FACET(16, "_ZTVNSt3__18messagesIcEE")
FACET(17, "_ZTVNSt3__18messagesIwEE")
FACET(18, "_ZTVNSt3__18numpunctIwEE")
FACET(19, "_ZTVNSt3__18time_getIcNS_19istreambuf_iteratorIcNS_11char_traitsIcEEEEEE")
FACET(20, "_ZTVNSt3__18time_getIwNS_19istreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
FACET(21, "_ZTVNSt3__18time_putIcNS_19ostreambuf_iteratorIcNS_11char_traitsIcEEEEEE")
FACET(22, "_ZTVNSt3__18time_putIwNS_19ostreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
FACET(23, "_ZTVNSt3__19money_getIcNS_19istreambuf_iteratorIcNS_11char_traitsIcEEEEEE")
FACET(24, "_ZTVNSt3__19money_getIwNS_19istreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
FACET(25, "_ZTVNSt3__19money_putIcNS_19ostreambuf_iteratorIcNS_11char_traitsIcEEEEEE")
FACET(26, "_ZTVNSt3__19money_putIwNS_19ostreambuf_iteratorIwNS_11char_traitsIwEEEEEE")
}
