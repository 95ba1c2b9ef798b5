#include "api/value.h"

#include <ATen/core/class_type.h>
#include <ATen/core/dynamic_type.h>
#include <ATen/core/jit_type.h>

#include <vector>

using build_runtime::fail;
using build_runtime::give;
using build_runtime::guard;
using build_runtime::kind_name;
using build_runtime::kind_of;
using build_runtime::require;
using c10::IValue;

namespace build_runtime {

void give(br_value** out, IValue value) {
  require(out, "the result pointer");
  *out = new br_value{std::move(value)};
}

br_kind kind_of(const IValue& value) {
  if (value.isTensor()) {
    // An undefined tensor is how kernels spell None.
    return value.toTensor().defined() ? BR_KIND_TENSOR : BR_KIND_NONE;
  }
  if (value.isInt()) {
    return BR_KIND_INT;
  }
  if (value.isDouble()) {
    return BR_KIND_DOUBLE;
  }
  if (value.isBool()) {
    return BR_KIND_BOOL;
  }
  if (value.isString()) {
    return BR_KIND_STRING;
  }
  if (value.isList()) {
    return BR_KIND_LIST;
  }
  if (value.isTuple()) {
    return BR_KIND_TUPLE;
  }
  if (value.isGenericDict()) {
    return BR_KIND_DICT;
  }
  if (value.isObject()) {
    return BR_KIND_OBJECT;
  }
  if (value.isComplexDouble()) {
    return BR_KIND_COMPLEX;
  }
  if (value.isDevice()) {
    return BR_KIND_DEVICE;
  }
  return value.isNone() ? BR_KIND_NONE : BR_KIND_OTHER;
}

const char* kind_name(const IValue& value) {
  static const char* const names[] = {"None",   "bool",    "int",   "float", "str",
                                      "tensor", "list",    "tuple", "dict",  "object",
                                      "other",  "complex", "device"};
  return names[kind_of(value)];
}

namespace {

void expect(const br_value* value, br_kind kind, const char* wanted) {
  require(value, "value");
  if (kind_of(value->value) != kind) {
    fail(BR_WRONG_KIND,
         std::string("the value is not a ") + wanted + " but a " + kind_name(value->value));
  }
}

// The type of a tuple carries the field names; an empty text means the field has none.
std::string field_name(const c10::ivalue::Tuple& tuple, size_t index) {
  const auto type = tuple.type<c10::DynamicType>();
  const auto& fields = type->arguments().elems;
  return index < fields.size() ? fields[index].label.value_or("") : "";
}

std::string attribute_name(const c10::ivalue::Object& object, size_t index) {
  const auto type = object.type();
  return index < type->numAttributes() ? type->getAttributeName(index) : std::to_string(index);
}

// The name of one entry of a tuple or object.
std::string entry_name(const IValue& value, size_t index) {
  return value.isObject() ? attribute_name(value.toObjectRef(), index)
                          : field_name(value.toTupleRef(), index);
}

c10::ArrayRef<IValue> sequence(const IValue& value) {
  if (value.isObject()) {
    return value.toObjectRef().slots();
  }
  return value.isTuple() ? value.toTupleRef().elements().asArrayRef() : value.toListRef();
}

// What an entry of a sequence is found under: its name, or its number where it has none.
IValue entry_key(const IValue& value, size_t index) {
  std::string name = value.isList() ? "" : entry_name(value, index);
  if (name.empty()) {
    return static_cast<int64_t>(index);
  }
  return IValue(std::move(name));
}

// All entries as (key, item); plain sequences get ints as keys.
std::vector<std::pair<IValue, IValue>> entries(const IValue& value) {
  std::vector<std::pair<IValue, IValue>> all;
  if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      all.emplace_back(entry.key(), entry.value());
    }
    return all;
  }
  const auto items = sequence(value);
  for (size_t i = 0; i < items.size(); ++i) {
    all.emplace_back(entry_key(value, i), items[i]);
  }
  return all;
}

bool is_container(br_kind kind) {
  return kind >= BR_KIND_LIST && kind <= BR_KIND_OBJECT;
}

c10::ArrayRef<const br_value*> checked(const br_value* const* items, size_t count,
                                       const char* name) {
  if (count != 0) {
    require(items, name);
  }
  const c10::ArrayRef<const br_value*> all(items, count);
  for (const br_value* item : all) {
    require(item, name);
  }
  return all;
}

} // namespace
} // namespace build_runtime

using build_runtime::checked;
using build_runtime::entries;
using build_runtime::expect;
using build_runtime::is_container;

br_status br_value_new_none(br_value** value, br_error** error) {
  return guard(error, [&] { give(value, IValue()); });
}

br_status br_value_new_bool(int flag, br_value** value, br_error** error) {
  return guard(error, [&] { give(value, IValue(flag != 0)); });
}

br_status br_value_new_int(int64_t number, br_value** value, br_error** error) {
  return guard(error, [&] { give(value, IValue(number)); });
}

br_status br_value_new_double(double number, br_value** value, br_error** error) {
  return guard(error, [&] { give(value, IValue(number)); });
}

br_status br_value_new_complex(double real, double imaginary, br_value** value, br_error** error) {
  return guard(error, [&] { give(value, IValue(c10::complex<double>(real, imaginary))); });
}

br_status br_value_new_string(const char* text, size_t size, br_value** value, br_error** error) {
  return guard(error, [&] {
    if (size != 0) {
      require(text, "text");
    }
    give(value, IValue(size == 0 ? std::string() : std::string(text, size)));
  });
}

// Containers made here are untyped: a run gives them the types its method declares.
br_status br_value_new_list(const br_value* const* items, size_t count, br_value** value,
                            br_error** error) {
  return guard(error, [&] {
    c10::impl::GenericList list(c10::AnyType::get());
    list.reserve(count);
    for (const br_value* item : checked(items, count, "items")) {
      list.push_back(item->value);
    }
    give(value, IValue(list));
  });
}

br_status br_value_new_tuple(const br_value* const* items, size_t count, br_value** value,
                             br_error** error) {
  return guard(error, [&] {
    std::vector<IValue> elements;
    elements.reserve(count);
    for (const br_value* item : checked(items, count, "items")) {
      elements.push_back(item->value);
    }
    give(value, c10::ivalue::Tuple::create(std::move(elements)));
  });
}

br_status br_value_new_dict(const br_value* const* keys, const br_value* const* items, size_t count,
                            br_value** value, br_error** error) {
  return guard(error, [&] {
    c10::impl::GenericDict dict(c10::AnyType::get(), c10::AnyType::get());
    const auto all_keys = checked(keys, count, "keys");
    const auto all_items = checked(items, count, "items");
    for (size_t i = 0; i < count; ++i) {
      const br_kind kind = kind_of(all_keys[i]->value);
      if ((kind < BR_KIND_BOOL || kind > BR_KIND_TENSOR) && kind != BR_KIND_TUPLE) {
        fail(BR_INVALID_ARGUMENT,
             std::string("a dict key cannot be a ") + kind_name(all_keys[i]->value));
      }
      dict.insert_or_assign(all_keys[i]->value, all_items[i]->value);
    }
    give(value, IValue(dict));
  });
}

void br_value_free(br_value* value) {
  delete value;
}

br_kind br_value_kind(const br_value* value) {
  return value == nullptr ? BR_KIND_NONE : kind_of(value->value);
}

br_status br_value_bool(const br_value* value, int* flag, br_error** error) {
  return guard(error, [&] {
    require(flag, "flag");
    expect(value, BR_KIND_BOOL, "bool");
    *flag = value->value.toBool() ? 1 : 0;
  });
}

br_status br_value_int(const br_value* value, int64_t* number, br_error** error) {
  return guard(error, [&] {
    require(number, "number");
    expect(value, BR_KIND_INT, "int");
    *number = value->value.toInt();
  });
}

br_status br_value_double(const br_value* value, double* number, br_error** error) {
  return guard(error, [&] {
    require(number, "number");
    expect(value, BR_KIND_DOUBLE, "float");
    *number = value->value.toDouble();
  });
}

br_status br_value_complex(const br_value* value, double* real, double* imaginary,
                           br_error** error) {
  return guard(error, [&] {
    require(real, "real");
    require(imaginary, "imaginary");
    expect(value, BR_KIND_COMPLEX, "complex");
    const c10::complex<double> number = value->value.toComplexDouble();
    *real = number.real();
    *imaginary = number.imag();
  });
}

br_status br_value_device(const br_value* value, br_value** name, br_error** error) {
  return guard(error, [&] {
    expect(value, BR_KIND_DEVICE, "device");
    give(name, IValue(value->value.toDevice().str()));
  });
}

br_status br_value_string(const br_value* value, const char** text, size_t* size,
                          br_error** error) {
  return guard(error, [&] {
    require(text, "text");
    expect(value, BR_KIND_STRING, "str");
    const std::string& string = value->value.toStringRef();
    *text = string.c_str();
    if (size != nullptr) {
      *size = string.size();
    }
  });
}

size_t br_value_size(const br_value* value) {
  if (value == nullptr || !is_container(kind_of(value->value))) {
    return 0;
  }
  const IValue& container = value->value;
  return container.isGenericDict() ? static_cast<size_t>(container.toGenericDict().size())
                                   : build_runtime::sequence(container).size();
}

br_status br_value_item(const br_value* value, size_t index, br_value** item, br_error** error) {
  return guard(error, [&] {
    require(value, "value");
    if (!value->value.isList() && !value->value.isTuple()) {
      expect(value, BR_KIND_LIST, "list or tuple");
    }
    const auto items = build_runtime::sequence(value->value);
    if (index >= items.size()) {
      fail(BR_NOT_FOUND,
           "no item " + std::to_string(index) + " among " + std::to_string(items.size()));
    }
    give(item, items[index]);
  });
}

br_status br_value_find(const br_value* value, const br_value* key, br_value** item,
                        br_error** error) {
  return guard(error, [&] {
    require(value, "value");
    require(key, "key");
    const IValue& container = value->value;
    if (container.isGenericDict()) {
      const auto dict = container.toGenericDict();
      const auto found = dict.find(key->value);
      if (found == dict.end()) {
        fail(BR_NOT_FOUND, "the dict has no such key");
      }
      give(item, found->value());
      return;
    }
    if (!container.isObject() && !container.isTuple()) {
      expect(value, BR_KIND_DICT, "dict, named tuple or object");
    }
    expect(key, BR_KIND_STRING, "str");
    const auto items = build_runtime::sequence(container);
    for (size_t i = 0; i < items.size(); ++i) {
      if (build_runtime::entry_name(container, i) == key->value.toStringRef()) {
        give(item, items[i]);
        return;
      }
    }
    fail(BR_NOT_FOUND, "no field or attribute '" + key->value.toStringRef() + "'");
  });
}

br_status br_value_entries(const br_value* value, br_value** keys, br_value** items,
                           br_error** error) {
  return guard(error, [&] {
    require(value, "value");
    if (!is_container(kind_of(value->value))) {
      expect(value, BR_KIND_LIST, "container");
    }
    auto all = entries(value->value);
    if (all.empty()) {
      return;
    }
    require(items, "items");
    // Made first and released only when all exist, so that a failure leaves nothing behind.
    std::vector<std::unique_ptr<br_value>> made;
    made.reserve(all.size() * 2);
    for (auto& [key, item] : all) {
      made.emplace_back(new br_value{std::move(item)});
      if (keys != nullptr) {
        made.emplace_back(new br_value{std::move(key)});
      }
    }
    auto next = made.begin();
    for (size_t i = 0; i < all.size(); ++i) {
      items[i] = (next++)->release();
      if (keys != nullptr) {
        keys[i] = (next++)->release();
      }
    }
  });
}

br_status br_value_share(const br_value* value, br_value** copy, br_error** error) {
  return guard(error, [&] {
    require(value, "value");
    give(copy, value->value);
  });
}
