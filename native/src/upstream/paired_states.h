// Included before ATen/native/RNN.cpp: an LSTM has a cell for each hidden state.
//
// LibTorch goes through the layers of the hidden state, and takes as many cells: with fewer of them
// it moves what lies behind their list. Its function gets another name (calls name it with template
// arguments, so only the definition is followed by a parenthesis), and ours checks before it. The
// batch sizes of packed sequences are checked where they become members: see falling_batches.h.
#pragma once
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <tuple>
#include <vector>

#include "falling_batches.h"

namespace at::native {
namespace {

template <template <class, class> class Layer, template <class, class> class BothWays,
          class Parameters, class Sequence>
std::tuple<Sequence, Tensor, Tensor> lstm_of_pairs(const Sequence& input,
                                                   const std::vector<Parameters>& parameters,
                                                   const Tensor& hx, const Tensor& cx,
                                                   int64_t layers, double dropout, bool train,
                                                   bool bidirectional);

template <template <class, class> class Layer, template <class, class> class BothWays,
          class Parameters, class Sequence>
std::tuple<Sequence, Tensor, Tensor> _lstm_impl(const Sequence& input,
                                                const std::vector<Parameters>& parameters,
                                                const Tensor& hx, const Tensor& cx, int64_t layers,
                                                double dropout, bool train, bool bidirectional) {
  TORCH_CHECK(hx.dim() > 0 && cx.dim() > 0 && hx.size(0) == cx.size(0),
              "lstm: there are not as many cells as hidden states");
  return lstm_of_pairs<Layer, BothWays>(input, parameters, hx, cx, layers, dropout, train,
                                        bidirectional);
}

} // namespace
} // namespace at::native

#define _lstm_impl(...) lstm_of_pairs(__VA_ARGS__)
#define batch_sizes(...) batch_sizes(checked_batches(__VA_ARGS__))
