// The names of operators, numbered when they are met.
//
// LibTorch numbers the names of all its operators, attributes and namespaces before anything runs,
// so that C++ can compare with constants such as `aten::add`. Its compiler does that, which is not
// here: what is linked compares with names of `prim` alone (tests/e2e/test_cuts.py reads the
// sources of what is linked), and asks for namespaces. These keep their numbers.
#include <ATen/core/interned_strings.h>
#include <ATen/core/interned_strings_class.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace {

using c10::unique_t;

struct Known {
  unique_t space;
  unique_t number;
  const char* name;
};

constexpr Known kAll[] = {
#define BR_KNOWN(space, name) \
  {static_cast<unique_t>(c10::namespaces::space), static_cast<unique_t>(c10::space::name), #name},
    FORALL_NS_SYMBOLS(BR_KNOWN)
#undef BR_KNOWN
};

constexpr size_t size_of(const char* text) {
  size_t size = 1;
  for (; *text != '\0'; ++text) {
    ++size;
  }
  return size;
}

constexpr size_t count_of(unique_t space) {
  size_t count = 0;
  for (const Known& it : kAll) {
    count += it.space == space ? 1 : 0;
  }
  return count;
}

constexpr size_t bytes_of(unique_t space) {
  size_t bytes = 0;
  for (const Known& it : kAll) {
    bytes += it.space == space ? size_of(it.name) : 0;
  }
  return bytes;
}

// The names of one namespace one after another, each ended by a null, and their numbers: no
// pointers, which the loader would have to relocate.
template <unique_t space>
struct Names {
  unique_t numbers[count_of(space)] = {};
  char text[bytes_of(space)] = {};

  constexpr Names() {
    size_t count = 0;
    size_t at = 0;
    for (const Known& it : kAll) {
      if (it.space == space) {
        numbers[count++] = it.number;
        for (size_t i = 0; i < size_of(it.name); ++i) {
          text[at++] = it.name[i];
        }
      }
    }
  }
};

constexpr Names<static_cast<unique_t>(c10::namespaces::namespaces)> kNamespaces;
constexpr Names<static_cast<unique_t>(c10::namespaces::prim)> kPrim;

} // namespace

c10::InternedStrings::InternedStrings() : sym_to_info_(static_cast<size_t>(_keys::num_symbols)) {
  const auto add = [this](const auto& names, Symbol space, const char* prefix) {
    const char* name = names.text;
    for (const unique_t number : names.numbers) {
      std::string qualified = std::string(prefix) + name;
      string_to_sym_[qualified] = Symbol(number);
      sym_to_info_[number] = {space, std::move(qualified), name};
      name += std::strlen(name) + 1;
    }
  };
  add(kNamespaces, namespaces::namespaces, "namespaces::");
  add(kPrim, namespaces::prim, "prim::");
}
