// The schemas of operators that files of upstream register as texts, without a parser.
//
// The interpreter asks a schema for the number of arguments, what the missing ones default to, and
// the number of results: the builder writes these into a table. LibTorch's parser is 100 KB with
// the types it makes. The names of arguments are not kept, but that they have some tells these
// operators from those that we register (api/module.cpp).
#include "registry/missing_feature.h"
#include "registry/registration.h"

#include <torch/csrc/jit/frontend/function_schema_parser.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

namespace {

using build_runtime::RegisteredSchema;

const RegisteredSchema& find(const std::string& name) {
  std::size_t count = 0;
  const RegisteredSchema* const all = build_runtime::registered_schemas(&count);
  const RegisteredSchema* const found = std::lower_bound(
      all, all + count, name.c_str(), [](const RegisteredSchema& one, const char* other) {
        return std::strcmp(one.name, other) < 0;
      });
  if (found == all + count || name != found->name) {
    build_runtime::missing_feature("schemas as text");
  }
  return *found;
}

} // namespace

c10::FunctionSchema torch::jit::parseSchema(const std::string& schema, bool /*allow_typevars*/) {
  const std::string name = schema.substr(0, schema.find_last_not_of(' ', schema.find('(') - 1) + 1);
  const RegisteredSchema& found = find(name);
  const std::size_t point = std::min(name.find('.'), name.size());
  const bool any_results = found.results == build_runtime::kAnyResults;
  return {name.substr(0, point),
          name.substr(std::min(point + 1, name.size())),
          build_runtime::read_arguments(found.arguments, "given"),
          build_runtime::any_results(any_results ? 0 : found.results),
          std::strchr(found.arguments, '~') != nullptr,
          any_results};
}
