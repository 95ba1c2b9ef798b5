// Checks of what was read from a model, before LibTorch uses it without checking itself.
#include "loading/archive.h"

#include <ATen/SparseCsrTensorImpl.h>
#include <ATen/SparseTensorImpl.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/class_type.h>
#include <ATen/ops/_validate_sparse_compressed_tensor_args_ops.h>
#include <ATen/ops/_validate_sparse_coo_tensor_args_ops.h>
#include <torch/custom_class_detail.h>

#include <cstring>
#include <unordered_set>

namespace build_runtime {
namespace {

using c10::IValue;

// `List[List[int]]` nests twice; the parser of types calls itself once per level.
constexpr int kMaxTypeNesting = 64;

bool stands_alone(const std::string& text, size_t at) {
  return at == 0 || std::strchr("[, ", text[at - 1]) != nullptr;
}

// Bytes from the beginning of its storage to the end of a tensor, which may be more than a 32-bit
// process can address. LibTorch's own sum overflows unseen in mobile builds.
uint64_t extent(const at::Tensor& tensor) {
  int64_t last = tensor.storage_offset();
  bool empty = false;
  bool impossible = last < 0;
  int64_t count = 1;
  for (int64_t dimension = 0; dimension < tensor.dim(); ++dimension) {
    const int64_t size = tensor.size(dimension);
    int64_t span = 0;
    impossible |= size < 0 || tensor.stride(dimension) < 0;
    impossible |= __builtin_mul_overflow(size - 1, tensor.stride(dimension), &span);
    impossible |= __builtin_mul_overflow(count, size, &count);
    empty |= size == 0;
    impossible |= !empty && __builtin_add_overflow(last, span, &last);
  }
  int64_t bytes = 0;
  impossible |= __builtin_add_overflow(last, 1, &last);
  impossible |=
      __builtin_mul_overflow(last, static_cast<int64_t>(tensor.dtype().itemsize()), &bytes);
  if (impossible) {
    fail_model("a tensor has an impossible size");
  }
  return empty ? 0 : static_cast<uint64_t>(bytes);
}

void check_tensor(const at::Tensor& tensor, const RecordSizes& records);

// The reader believes that indices lie within the sizes: kernels would write beyond them. In
// runtimes that cannot meet sparse tensors these questions lead nowhere, as reading one failed
// before.
void check_sparse(const at::Tensor& tensor, const RecordSizes& records) {
  if (tensor.layout() == c10::kSparse) {
    const auto& sparse = *static_cast<const at::SparseTensorImpl*>(tensor.unsafeGetTensorImpl());
    check_tensor(sparse.indices(), records);
    check_tensor(sparse.values(), records);
    at::_ops::_validate_sparse_coo_tensor_args::call(sparse.indices(), sparse.values(),
                                                     sparse.sizes(), sparse.coalesced());
  } else {
    const auto& rows = *static_cast<const at::SparseCsrTensorImpl*>(tensor.unsafeGetTensorImpl());
    check_tensor(rows.compressed_indices(), records);
    check_tensor(rows.plain_indices(), records);
    check_tensor(rows.values(), records);
    at::_ops::_validate_sparse_compressed_tensor_args::call(rows.compressed_indices(),
                                                            rows.plain_indices(), rows.values(),
                                                            rows.sizes(), tensor.layout());
  }
}

// A tensor must lie within its storage, and its storage within the record it was read from.
void check_tensor(const at::Tensor& tensor, const RecordSizes& records) {
  if (tensor.defined() && (tensor.is_sparse() || tensor.is_sparse_csr())) {
    check_sparse(tensor, records);
    return;
  }
  if (!tensor.defined() || !tensor.has_storage()) {
    return;
  }
  const size_t held = tensor.storage().nbytes();
  if (extent(tensor) > held) {
    fail_model("a tensor is larger than its data");
  }
  // what operators made has an allocator, and the size it asked for
  if (held > 0 && tensor.storage().allocator() == nullptr) {
    const auto record = records.find(tensor.storage().data());
    if (record == records.end() || held > record->second) {
      fail_model("a tensor is larger than its data");
    }
  }
}

// What a tuple, a list or an object holds.
c10::ArrayRef<IValue> items_of(const IValue& value) {
  if (value.isTuple()) {
    return value.toTupleRef().elements().asArrayRef();
  }
  return value.isList() ? value.toListRef() : c10::ArrayRef<IValue>(value.toObjectRef().slots());
}

} // namespace

void fail_model(const std::string& reason) {
  fail(BR_BAD_MODEL, "the model is damaged: " + reason);
}

bool mentions_union(const std::string& type) {
  size_t at = type.find("Union");
  while (at != std::string::npos && !stands_alone(type, at)) {
    at = type.find("Union", at + 1);
  }
  return at != std::string::npos;
}

void check_type_text(const std::string& text) {
  int nesting = 0;
  for (const char letter : text) {
    nesting += letter == '[' ? 1 : 0;
    nesting -= letter == ']' ? 1 : 0;
    if (nesting > kMaxTypeNesting) {
      fail_model("a type is nested too deeply");
    }
  }
  // For both of these the parser of types returns null, and then uses it as a part of the whole
  // type.
  if (mentions_union(text)) {
    fail(BR_BAD_MODEL, "the model uses a Union, which lite interpreters do not know: " + text);
  }
  // The parser also takes words apart from each other: exporters write names without spaces.
  if (text.find(" .") != std::string::npos || text.find(". ") != std::string::npos) {
    fail_model("a type has a space within a name");
  }
  static const char classes[] = "__torch__.torch.classes.";
  for (size_t at = text.find(classes); at != std::string::npos; at = text.find(classes, at + 1)) {
    const std::string name = text.substr(at, text.find_first_of("[], ", at) - at);
    if (torch::getCustomClass(name) == nullptr) {
      fail(BR_BAD_MODEL, "the model uses a class that this runtime does not hold: " + name);
    }
  }
}

void check_tensors(const IValue& root, const RecordSizes& records) {
  std::vector<IValue> pending = {root};
  std::unordered_set<const void*> seen;
  while (!pending.empty()) {
    const IValue value = std::move(pending.back());
    pending.pop_back();
    if (value.isTensor()) {
      check_tensor(value.toTensor(), records);
      continue;
    }
    if (!value.isTuple() && !value.isList() && !value.isGenericDict() && !value.isObject()) {
      continue;
    }
    if (!seen.insert(value.internalToPointer()).second) {
      continue;
    }
    if (value.isGenericDict()) {
      for (const auto& entry : value.toGenericDict()) {
        pending.push_back(entry.key());
        pending.push_back(entry.value());
      }
      continue;
    }
    const auto items = items_of(value);
    pending.insert(pending.end(), items.begin(), items.end());
  }
}

void check_object(const c10::ivalue::Object& object, const IValue& state) {
  const auto type = object.type();
  size_t slot = 0;
  for (const auto& attribute : state.toGenericDict()) {
    if (type->getAttributeName(slot) != attribute.key().toStringRef()) {
      fail_model("two objects of one class have other attributes");
    }
    ++slot;
  }
  if (slot != type->numAttributes()) {
    fail_model("two objects of one class have other attributes");
  }
}

} // namespace build_runtime
