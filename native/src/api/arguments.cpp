#include "api/arguments.h"

#include "loading/archive.h"

#include <ATen/core/dynamic_type.h>
#include <ATen/core/function_schema.h>
#include <ATen/core/jit_type.h>

namespace build_runtime {
namespace {

using c10::IValue;
using c10::TypeKind;
using c10::TypePtr;

// Bytecode carries its types as DynamicType, except for classes.
TypeKind kind_of_type(const c10::Type& type) {
  const auto* dynamic = type.castRaw<c10::DynamicType>();
  return dynamic == nullptr ? type.kind() : dynamic->dynamicKind();
}

struct Mismatch {
  TypeKind wanted;
  std::string got;
};

IValue as_declared(const IValue& value, const TypePtr& declared);
IValue as_inferred(const IValue& value);

// The common type of values, or Any: lists of numbers must be typed for operators to accept them.
TypePtr common_type(c10::ArrayRef<IValue> values) {
  if (values.empty()) {
    return c10::AnyType::get();
  }
  TypePtr first = values[0].type<c10::DynamicType>();
  for (const IValue& value : values.slice(1)) {
    if (*first != *value.type<c10::DynamicType>()) {
      return c10::AnyType::get();
    }
  }
  return first;
}

IValue make_list(const TypePtr& element, c10::ArrayRef<IValue> items) {
  c10::impl::GenericList list(element);
  list.reserve(items.size());
  for (const IValue& item : items) {
    list.push_back(item);
  }
  return list;
}

// `convert` is applied to every item; the result is a new container.
std::vector<IValue> converted(c10::ArrayRef<IValue> items,
                              c10::function_ref<IValue(const IValue&)> convert) {
  std::vector<IValue> all;
  all.reserve(items.size());
  for (const IValue& item : items) {
    all.push_back(convert(item));
  }
  return all;
}

// Bytecode has no union types; where one was declared there is no type at all.
TypePtr or_any(const TypePtr& type) {
  return type == nullptr ? c10::AnyType::get() : type;
}

IValue declared_dict(const IValue& value, const c10::Type& type) {
  const TypePtr key_type = or_any(type.containedType(0));
  const TypePtr item_type = or_any(type.containedType(1));
  c10::impl::GenericDict dict(key_type, item_type);
  for (const auto& entry : value.toGenericDict()) {
    dict.insert_or_assign(as_declared(entry.key(), key_type),
                          as_declared(entry.value(), item_type));
  }
  return dict;
}

IValue declared_tuple(const IValue& value, const c10::Type& type) {
  const auto& elements = value.toTupleRef().elements();
  if (elements.size() != type.containedTypeSize()) {
    throw Mismatch{TypeKind::TupleType, std::to_string(elements.size()) + " items instead of " +
                                            std::to_string(type.containedTypeSize())};
  }
  size_t index = 0;
  return c10::ivalue::Tuple::create(converted(elements.asArrayRef(), [&](const IValue& item) {
    return as_declared(item, type.containedType(index++));
  }));
}

IValue as_declared(const IValue& value, const TypePtr& declared) {
  if (declared == nullptr) {
    return as_inferred(value);
  }
  const c10::Type& type = *declared;
  const TypeKind kind = kind_of_type(type);
  bool fits = false;
  switch (kind) {
    case TypeKind::TensorType:
      fits = value.isTensor();
      break;
    case TypeKind::IntType:
      fits = value.isInt();
      break;
    case TypeKind::BoolType:
      fits = value.isBool();
      break;
    case TypeKind::FloatType:
      if (value.isInt()) {
        return static_cast<double>(value.toInt());
      }
      fits = value.isDouble();
      break;
    case TypeKind::NumberType:
      fits = value.isScalar();
      break;
    case TypeKind::StringType:
      fits = value.isString();
      break;
    case TypeKind::NoneType:
      fits = value.isNone();
      break;
    case TypeKind::OptionalType:
      return value.isNone() ? value : as_declared(value, type.containedType(0));
    case TypeKind::ListType: {
      if (!value.isList()) {
        break;
      }
      const TypePtr element = or_any(type.containedType(0));
      return make_list(element, converted(value.toListRef(), [&](const IValue& item) {
                         return as_declared(item, element);
                       }));
    }
    case TypeKind::DictType:
      if (!value.isGenericDict()) {
        break;
      }
      return declared_dict(value, type);
    case TypeKind::TupleType:
      if (!value.isTuple()) {
        break;
      }
      return declared_tuple(value, type);
    case TypeKind::ClassType:
    case TypeKind::InterfaceType:
      // A named tuple's type reads as a class here; its fields are checked where they are used.
      fits = value.isObject() || value.isTuple();
      break;
    default:
      return as_inferred(value);
  }
  if (!fits) {
    throw Mismatch{kind, kind_name(value)};
  }
  return value;
}

IValue as_inferred(const IValue& value) {
  if (value.isList()) {
    const auto items = converted(value.toListRef(), as_inferred);
    return make_list(common_type(items), items);
  }
  if (value.isTuple()) {
    return c10::ivalue::Tuple::create(
        converted(value.toTupleRef().elements().asArrayRef(), as_inferred));
  }
  if (value.isGenericDict()) {
    std::vector<IValue> keys;
    std::vector<IValue> items;
    for (const auto& entry : value.toGenericDict()) {
      keys.push_back(as_inferred(entry.key()));
      items.push_back(as_inferred(entry.value()));
    }
    c10::impl::GenericDict dict(common_type(keys), common_type(items));
    for (size_t i = 0; i < keys.size(); ++i) {
      dict.insert_or_assign(keys[i], items[i]);
    }
    return dict;
  }
  return value;
}

// Bytecode writes None for a missing default, so None only counts where it can be a value.
bool has_default(const c10::Argument& argument) {
  const auto& value = argument.default_value();
  if (!value.has_value() || !value->isNone()) {
    return value.has_value();
  }
  const TypeKind kind = kind_of_type(*argument.type());
  return kind == TypeKind::OptionalType || kind == TypeKind::NoneType || kind == TypeKind::AnyType;
}

[[noreturn]] void fail_argument(const std::string& method, size_t index, const std::string& name,
                                const Mismatch& mismatch) {
  // The kinds are called TensorType, IntType and so on.
  std::string wanted = c10::typeKindToString(mismatch.wanted);
  wanted.resize(wanted.size() - 4);
  fail(BR_INVALID_ARGUMENT, "argument " + std::to_string(index) + " ('" + name + "') of '" +
                                method + "': expected " + wanted + ", got " + mismatch.got);
}

// `taken` counts the object of the method, too.
[[noreturn]] void fail_count(const torch::jit::mobile::Function& function, size_t taken,
                             size_t given) {
  fail(BR_INVALID_ARGUMENT, "'" + function.name() + "' takes " +
                                std::to_string(taken == 0 ? 0 : taken - 1) + " arguments, got " +
                                std::to_string(given));
}

} // namespace

std::vector<IValue> make_stack(const torch::jit::mobile::Function& function, IValue self,
                               c10::ArrayRef<const br_value*> arguments) {
  std::vector<IValue> stack;
  stack.reserve(arguments.size() + 1);
  stack.push_back(std::move(self));
  if (!function.hasSchema()) {
    const size_t taken = count_arguments(function);
    if (arguments.size() + 1 != taken) {
      fail_count(function, taken, arguments.size());
    }
    for (const br_value* argument : arguments) {
      stack.push_back(as_inferred(argument->value));
    }
    return stack;
  }
  const auto& declared = function.getSchema().arguments();
  if (arguments.size() >= declared.size()) {
    fail_count(function, declared.size(), arguments.size());
  }
  for (size_t i = 1; i < declared.size(); ++i) {
    if (i <= arguments.size()) {
      try {
        stack.push_back(as_declared(arguments[i - 1]->value, declared[i].type()));
      } catch (const Mismatch& mismatch) {
        fail_argument(function.name(), i, declared[i].name(), mismatch);
      }
    } else if (has_default(declared[i])) {
      stack.push_back(*declared[i].default_value());
    } else {
      fail(BR_INVALID_ARGUMENT, "'" + function.name() + "' needs its argument " +
                                    std::to_string(i) + " ('" + declared[i].name() + "')");
    }
  }
  return stack;
}

} // namespace build_runtime
