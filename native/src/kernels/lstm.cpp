// at::native::lstm of sequences that all have one length: each step of a float layer is one matrix
// product and one pass over its gates. Upstream makes a dozen tensors at each step. All others are
// computed by its function for sequences of many lengths. See Note [Replacements] in
// builder/libtorch/closure/replacements.py.
#include "kernels/xnnpack.h"

#include <ATen/native/CPUBlas.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/lstm_native.h>
#include <ATen/ops/zeros.h>

extern "C" {
#include <xnnpack/config.h>
}

#include <algorithm>

namespace build_runtime {
namespace {

using Result = std::tuple<at::Tensor, at::Tensor, at::Tensor>;

constexpr int64_t kMostLayers = 1 << 16;
constexpr int64_t kGates = 4; // input, forget, cell, output: in this order in weights

// The weights of a layer in one direction.
struct Layer {
  at::Tensor of_input;
  at::Tensor of_state;
  std::optional<at::Tensor> bias; // of both
};

struct Shape {
  int64_t steps;
  int64_t batch;
  int64_t width; // of the state
};

// In place: kernels may read some bytes beyond, but write none.
void apply(const xnn_unary_elementwise_config& config, float* numbers, int64_t count) {
  xnn_unary_uparams parameters = {};
  if (config.init != nullptr) {
    config.init(&parameters, nullptr, nullptr, nullptr);
  }
  config.ukernel(static_cast<size_t>(count) * sizeof(float), numbers, numbers, &parameters);
}

// From the gates of a sequence's step to its state; the gates are used up.
void finish_step(float* gates, int64_t width, float* cell, float* state) {
  const xnn_unary_elementwise_config& sigmoid = *xnn_init_f32_sigmoid_config();
  const xnn_unary_elementwise_config& tanh = *xnn_init_f32_tanh_config();
  float* const forget = gates + width;
  float* const fresh = forget + width;
  float* const output = fresh + width;
  apply(sigmoid, gates, 2 * width);
  apply(tanh, fresh, width);
  apply(sigmoid, output, width);
  for (int64_t i = 0; i < width; ++i) {
    cell[i] = forget[i] * cell[i] + gates[i] * fresh[i];
    fresh[i] = cell[i];
  }
  apply(tanh, fresh, width);
  for (int64_t i = 0; i < width; ++i) {
    state[i] = output[i] * fresh[i];
  }
}

// Writes the states of all steps to `out`, whose rows are `stride` numbers apart, and returns the
// last. `cell` is that of the first step, and becomes that of the last.
const float* run_layer(const at::Tensor& input, const Layer& layer, const Shape& shape,
                       const float* state, float* cell, float* out, int64_t stride,
                       bool backwards) {
  using at::native::TransposeType;
  const at::Tensor gates = at::linear(input, layer.of_input, layer.bias).contiguous();
  const auto* weights = layer.of_state.const_data_ptr<float>();
  const int64_t wide = kGates * shape.width;
  int64_t state_stride = shape.width;
  for (int64_t number = 0; number < shape.steps; ++number) {
    const int64_t step = backwards ? shape.steps - 1 - number : number;
    float* const here = gates.mutable_data_ptr<float>() + step * shape.batch * wide;
    at::native::cpublas::gemm(TransposeType::Transpose, TransposeType::NoTranspose, wide,
                              shape.batch, shape.width, 1.0F, weights, shape.width, state,
                              state_stride, 1.0F, here, wide);
    float* const states = out + step * shape.batch * stride;
    for (int64_t row = 0; row < shape.batch; ++row) {
      finish_step(here + row * wide, shape.width, cell + row * shape.width, states + row * stride);
    }
    state = states;
    state_stride = stride;
  }
  return state;
}

bool is_plain(const at::Tensor& tensor) {
  return tensor.defined() && tensor.scalar_type() == at::kFloat &&
         tensor.layout() == at::kStrided && !tensor.is_neg();
}

// How many layers there are, and what each of their directions has.
struct Layers {
  int64_t count;
  int64_t directions;
  bool biases;

  int64_t parameters() const { return biases ? 4 : 2; }
  int64_t states() const { return count * directions; }
};

// Whether the parameter at `place` of a layer and direction has the sizes of the others.
bool fits(const at::Tensor& parameter, int64_t place, int64_t inputs, int64_t width) {
  const int64_t dimensions = place < 2 ? 2 : 1;
  return parameter.dim() == dimensions && parameter.size(0) == kGates * width &&
         (dimensions == 1 || parameter.size(1) == (place == 0 ? inputs : width));
}

// Whether `run_layers` computes these.
bool suits(const at::Tensor& input, at::TensorList hx, at::TensorList parameters,
           const Layers& layers) {
  const int64_t width = hx[0].size(2);
  const int64_t each = layers.parameters();
  if (width < 1 || hx[1].size(2) != width ||
      !std::all_of(parameters.begin(), parameters.end(), is_plain) ||
      !std::all_of(hx.begin(), hx.end(), is_plain) || !is_plain(input)) {
    return false;
  }
  for (int64_t i = 0; i < layers.states() * each; ++i) {
    const bool first = i / (each * layers.directions) == 0;
    const int64_t inputs = first ? input.size(2) : width * layers.directions;
    if (!fits(parameters[i], i % each, inputs, width)) {
      return false;
    }
  }
  return true;
}

Result run_layers(const at::Tensor& input, at::TensorList hx, at::TensorList parameters,
                  const Layers& layers) {
  initialise_xnnpack();
  const Shape shape{input.size(0), input.size(1), hx[0].size(2)};
  const int64_t count = shape.batch * shape.width;
  const int64_t stride = layers.directions * shape.width;
  const at::Tensor first = hx[0].contiguous();
  at::Tensor last = at::empty_like(first);
  at::Tensor cells = hx[1].clone(at::MemoryFormat::Contiguous);
  at::Tensor sequence = input;
  for (int64_t number = 0; number < layers.states(); number += layers.directions) {
    const at::Tensor made = at::empty({shape.steps, shape.batch, stride}, input.options());
    for (int64_t direction = 0; direction < layers.directions; ++direction) {
      const int64_t begin = (number + direction) * count;
      const at::Tensor* its = &parameters[(number + direction) * layers.parameters()];
      const Layer layer{its[0], its[1].contiguous(),
                        layers.biases ? std::optional(at::add(its[2], its[3])) : std::nullopt};
      const float* state = run_layer(sequence, layer, shape, first.const_data_ptr<float>() + begin,
                                     cells.mutable_data_ptr<float>() + begin,
                                     made.mutable_data_ptr<float>() + direction * shape.width,
                                     stride, direction == 1);
      float* const to = last.mutable_data_ptr<float>() + begin;
      for (int64_t row = 0; row < shape.batch; ++row) {
        std::copy_n(state + row * stride, shape.width, to + row * shape.width);
      }
    }
    sequence = made;
  }
  return {sequence, last, cells};
}

void check(const at::Tensor& input, at::TensorList hx, at::TensorList parameters,
           const Layers& layers) {
  if (hx.size() != 2 || hx[0].dim() != 3 || hx[1].dim() != 3 || layers.count < 1 ||
      layers.count > kMostLayers || hx[0].size(0) != layers.states() ||
      hx[1].size(0) != layers.states()) {
    fail_kernel("an LSTM takes two states of three dimensions, for each layer and direction");
  }
  if (input.dim() != 3 || input.size(0) < 1 || input.size(1) != hx[0].size(1) ||
      input.size(1) != hx[1].size(1)) {
    fail_kernel("an LSTM takes sequences of at least one step, as many as it has states");
  }
  const int64_t projection = hx[0].size(2) == hx[1].size(2) ? 0 : 1;
  if (static_cast<int64_t>(parameters.size()) !=
      layers.states() * (layers.parameters() + projection)) {
    fail_kernel("an LSTM has another number of weights than it should");
  }
  const auto same = [&](const at::Tensor& it) {
    return it.defined() && it.scalar_type() == input.scalar_type();
  };
  if (!std::all_of(hx.begin(), hx.end(), same) ||
      !std::all_of(parameters.begin(), parameters.end(), same)) {
    fail_kernel("the input, the states and the weights of an LSTM are not of one dtype");
  }
}

// Steps first: a batch of sequences for each batch of states.
at::Tensor sequences(const at::Tensor& input, at::TensorList hx, bool batch_first) {
  at::Tensor steps = batch_first ? input.transpose(0, 1) : input;
  if (steps.dim() == 2) {
    steps = steps.unsqueeze(1);
  }
  const bool one = steps.dim() == 3 && steps.size(1) == 1 && hx.size() == 2 && hx[0].dim() == 3;
  return one ? steps.expand({-1, hx[0].size(1), -1}) : steps;
}

} // namespace
} // namespace build_runtime

namespace at::native {

std::tuple<Tensor, Tensor, Tensor> lstm(const Tensor& _input, TensorList hx, TensorList _params,
                                        bool has_biases, int64_t num_layers, double dropout_p,
                                        bool train, bool bidirectional, bool batch_first) {
  using namespace build_runtime;
  const Layers layers{num_layers, bidirectional ? 2 : 1, has_biases};
  const Tensor input = sequences(_input, hx, batch_first);
  check(input, hx, _params, layers);
  const int64_t steps = input.size(0);
  const int64_t batch = input.size(1);
  Tensor output;
  Tensor state;
  Tensor cell;
  if (batch == 0) {
    output = at::zeros({steps, 0, hx[0].size(2) * layers.directions}, input.options());
    state = hx[0].clone();
    cell = hx[1].clone();
  } else if ((!train || dropout_p == 0) && suits(input, hx, _params, layers)) {
    std::tie(output, state, cell) = run_layers(input, hx, _params, layers);
  } else {
    const Tensor all = input.reshape({steps * batch, input.size(2)});
    const Tensor lengths = at::full({steps}, batch, at::TensorOptions().dtype(at::kLong));
    std::tie(output, state, cell) =
        lstm(all, lengths, hx, _params, has_biases, num_layers, dropout_p, train, bidirectional);
    output = output.view({steps, batch, -1});
  }
  return {batch_first ? output.transpose(0, 1) : output, state, cell};
}

} // namespace at::native
