// What kernels hear of the tensors that modules own.
//
// Note [Weights]. A kernel that keeps something it made of a weight must know that the weight is
// one, and that nothing has written to it since. LibTorch cannot tell: its version counters are
// counted by the part that computes gradients, which is not here. So the runtime tells. When a
// module was loaded, the kernel hears of all it owns; before an operator runs whose schema says
// that it writes to an argument, it hears of that argument. Whatever a method does to a tensor it
// does by an operator. The interface hands out data to read alone.
//
// Two kinds of operators write without a word here. Those that files of upstream register are
// called by other means: a build that selects one that writes says so (`weights_may_change`), and
// then nothing is a weight. Batch norm's running statistics are written although its schema does
// not tell: vectors, and no vector is a weight. What a module got when it was loaded counts; a
// tensor that it is given later does not.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

namespace build_runtime {

class WeightObserver {
 public:
  WeightObserver(const WeightObserver&) = delete;
  WeightObserver& operator=(const WeightObserver&) = delete;

  // A matrix that a module owns now. One tensor may be told several times.
  virtual void owned(const at::Tensor& tensor) = 0;
  // A tensor that is about to be written to.
  virtual void written(const at::Tensor& tensor) = 0;
  // A module is gone: some of its tensors may be.
  virtual void dropped() = 0;

 protected:
  WeightObserver() = default;
  ~WeightObserver() = default;
};

// There is at most one; it lives as long as the library. Returns true, so that a constant can hold
// the call.
bool observe_weights(WeightObserver* observer);

// For the registry and the interface: they are cheap where nobody listens.
void tell_owned(const c10::IValue& module);
void tell_written(const c10::IValue& value);
void tell_dropped();

} // namespace build_runtime
