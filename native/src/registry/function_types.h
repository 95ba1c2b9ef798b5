// What the function of a kernel takes and returns, to be compared with its schema by the compiler:
// it is called with whatever lies on the interpreter's stack.
#pragma once

#include <c10/util/Metaprogramming.h>

#include <cstddef>
#include <tuple>
#include <type_traits>

namespace build_runtime {

// The results as a tuple: none, one, or those of a tuple.
template <class Result>
struct Results {
  using type = std::tuple<std::decay_t<Result>>;
};

template <>
struct Results<void> {
  using type = std::tuple<>;
};

template <class... Parts>
struct Results<std::tuple<Parts...>> {
  using type = std::tuple<std::decay_t<Parts>...>;
};

template <class List>
struct AsTuple;

template <class... Parts>
struct AsTuple<c10::guts::typelist::typelist<Parts...>> {
  using type = std::tuple<std::decay_t<Parts>...>;
};

// `Types` is one of `Wanted...` at a place; a place that is not there is told by the count.
template <class Types, std::size_t place, class... Wanted>
constexpr bool is_one_of() {
  if constexpr (place < std::tuple_size_v<Types>) {
    return (std::is_same_v<std::tuple_element_t<place, Types>, Wanted> || ...);
  } else {
    return true;
  }
}

// `Function` is a pointer or a lambda.
template <class Function>
struct FunctionTypes {
  using Traits = c10::guts::infer_function_traits_t<Function>;
  using Arguments = typename AsTuple<typename Traits::parameter_types>::type;
  using Returns = typename Results<typename Traits::return_type>::type;

  static constexpr std::size_t arguments = std::tuple_size_v<Arguments>;
  static constexpr std::size_t results = std::tuple_size_v<Returns>;

  template <std::size_t place, class... Wanted>
  static constexpr bool takes = is_one_of<Arguments, place, Wanted...>();

  template <std::size_t place, class... Wanted>
  static constexpr bool gives = is_one_of<Returns, place, Wanted...>();
};

} // namespace build_runtime
