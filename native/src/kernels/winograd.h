// 3x3 convolutions of stride 1 with fewer multiplications, after Winograd.
//
// Note [Winograd]. Four by four results of a channel are computed from six by six pixels at once:
// both they and the kernel are transformed, multiplied number by number, and the sums over the
// channels transformed back (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// 2015). That takes 36 multiplications where the definition has 144. The sums are those of a matrix
// product for each of the 36 places, so it runs on the gemm's microkernels.
//
// The transforms evaluate polynomials at 0, +-sqrt(1/2), +-sqrt(2) and infinity. These points keep
// the error within twice that of the definition; the usual ones, 0, +-1, +-2, have nine times that.
// The error is that of the largest number of a tile, also where a result does not depend on it.
// Where one is far larger than the others, infinite, not a number, or overflows on the way, the
// definition has to answer: `run` tells.
#pragma once

#include "kernels/panels.h"

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

// Defined with the registrations of a runtime: what this file declares is inside only then.
extern "C" const bool br_winograd;

namespace build_runtime {

class Winograd {
 public:
  // Null where it is no gain, or a number is not finite. `sizes` are those of the weight in torch;
  // `weight` itself has outputs, height, width, inputs. `bias` may be empty.
  static std::unique_ptr<Winograd> pack(at::IntArrayRef sizes, const std::vector<float>& weight,
                                        const std::vector<float>& bias, float lowest,
                                        float highest);

  // Both are channels last, without gaps. `top` and `left` are as many zeros around the input.
  // False where the definition is to compute it all: if there is too little to do for the kernels
  // that have to be read, a number is far larger than the others, or a result is not finite.
  bool run(const at::Tensor& input, int64_t top, int64_t left, const at::Tensor& output) const;

 private:
  Winograd() = default;

  int64_t inputs_ = 0;
  int64_t outputs_ = 0;
  int64_t panel_floats_ = 0; // of one place
  Floats panels_;
  std::vector<float> bias_;
  float lowest_ = 0;
  float highest_ = 0;
};

} // namespace build_runtime
