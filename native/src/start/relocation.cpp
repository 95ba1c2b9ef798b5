// The library relocates itself, before anything else of it runs.
//
// Note [Packed relocations]. Nearly every dynamic relocation of the library adds its own address to
// a word. That takes 24 bytes a word in a table (.rela.dyn; 8 on 32-bit ABIs), and about one bit in
// the packed form (.relr.dyn, https://groups.google.com/g/generic-abi/c/bX460iggiKg). glibc applies
// the packed form from 2.36 on, and ours must load with 2.28. So the linker writes it under the
// tags that Android gave it first (--use-android-relr-tags). No loader of a Linux looks at those,
// and this does the work: it is DT_INIT (-init=br_relocate), which loaders call before all
// constructors (DT_INIT_ARRAY), whose addresses are among the words. A loader that does know the
// tags has done the work before, which a word of ours tells.
//
// Until it is done no code may rely on such a word: no virtual call, no address out of a table, no
// variable by way of the global offset table (hidden symbols do not need it). Calls into the C
// library are fine: the loader has filled their slots (-z now).
//
// Android has loaders of its own: builder/data/flags.toml. There nothing refers to this.
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

// The linker makes the first one.
extern "C" {
extern const ElfW(Ehdr) br_image[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));
void br_relocate() __attribute__((visibility("hidden")));
}

// Sanitizers look at tables of theirs, whose addresses are not known yet.
#define BR_PLAIN __attribute__((no_sanitize("address", "thread", "undefined")))

namespace {

using Word = uintptr_t;

constexpr Word kTable = 0x6fffe000;            // DT_ANDROID_RELR
constexpr Word kTableBytes = 0x6fffe001;       // DT_ANDROID_RELRSZ
constexpr size_t kBits = sizeof(Word) * 8 - 1; // words that one entry of bits stands for

// Its address is one of the words that the table is about.
void* volatile witness = const_cast<void**>(&witness);

struct Packed {
  const Word* begin = nullptr;
  const Word* end = nullptr;
};

struct Pages {
  void* begin = nullptr;
  size_t bytes = 0;
};

// NOLINTBEGIN(performance-no-int-to-ptr): addresses are what this file is about

// Whoever runs with relocated data that is not, or that stays writable, is worse off than with
// none. A text of the file has an address relative to the code: it needs no relocation.
template <size_t N>
[[noreturn]] BR_PLAIN void give_up(const char (&reason)[N]) {
  [[maybe_unused]] const ssize_t told = write(STDERR_FILENO, reason, N - 1);
  std::abort();
}

struct Headers {
  const ElfW(Dyn) * dynamic = nullptr;
  Pages sealed; // what the loader has made read-only, as it counts them: whole pages
};

// Tools that edit libraries (patchelf) move the dynamic section: what the linker made, such as
// `_DYNAMIC`, names the place it had.
BR_PLAIN Headers read_headers(Word base) {
  Headers found;
  const Word page = static_cast<Word>(sysconf(_SC_PAGESIZE));
  const auto* header = reinterpret_cast<const ElfW(Phdr)*>(base + br_image->e_phoff);
  for (const auto* end = header + br_image->e_phnum; header != end; ++header) {
    const Word begin = base + header->p_vaddr;
    if (header->p_type == PT_DYNAMIC) {
      found.dynamic = reinterpret_cast<const ElfW(Dyn)*>(begin);
    } else if (header->p_type == PT_GNU_RELRO) {
      const Word first = begin & ~(page - 1);
      const Word last = (begin + header->p_memsz) & ~(page - 1);
      found.sealed = {reinterpret_cast<void*>(first), last - first};
    }
  }
  return found;
}

BR_PLAIN Packed find_table(const ElfW(Dyn) * entry, Word base) {
  Word table = 0;
  Word bytes = 0;
  for (; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
    if (static_cast<Word>(entry->d_tag) == kTable) {
      table = base + entry->d_un.d_ptr;
    } else if (static_cast<Word>(entry->d_tag) == kTableBytes) {
      bytes = entry->d_un.d_val;
    }
  }
  if (table == 0) {
    give_up("build-runtime: this library was changed, and has lost its table of relocations\n");
  }
  return {reinterpret_cast<const Word*>(table), reinterpret_cast<const Word*>(table + bytes)};
}

BR_PLAIN void protect(const Pages& pages, int access) {
  if (pages.bytes != 0 && mprotect(pages.begin, pages.bytes, access) != 0) {
    give_up("build-runtime: the system does not let this library relocate its data (mprotect)\n");
  }
}

// An even entry is the address of a word; an odd one has a bit for each of the words that follow.
BR_PLAIN void apply(const Packed& packed, Word base) {
  Word* next = reinterpret_cast<Word*>(base);
  for (const Word* entry = packed.begin; entry != packed.end; ++entry) {
    if ((*entry & 1) == 0) {
      next = reinterpret_cast<Word*>(base + *entry);
      *next++ += base;
      continue;
    }
    Word* word = next;
    for (Word bits = *entry >> 1; bits != 0; bits >>= 1, ++word) {
      if ((bits & 1) != 0) {
        *word += base;
      }
    }
    next += kBits;
  }
}

// NOLINTEND(performance-no-int-to-ptr)

} // namespace

BR_PLAIN void br_relocate() {
  if (witness == &witness) {
    return;
  }
  const Word base = reinterpret_cast<Word>(br_image);
  const Headers headers = read_headers(base);
  const Packed packed = find_table(headers.dynamic, base);
  protect(headers.sealed, PROT_READ | PROT_WRITE);
  apply(packed, base);
  protect(headers.sealed, PROT_READ);
}
