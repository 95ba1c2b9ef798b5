// Included before ATen/native/TensorAdvancedIndexing.cpp: indices that are all undefined.
//
// LibTorch looks for the first and the last index that is defined, and then goes from one to the
// other. A mask without dimensions (`x[torch.tensor(True)]` in TorchScript) leaves none: both
// searches end where they must not be followed, and libc++ goes on beyond the list.
#pragma once

#define hasContiguousSubspace hasContiguousSubspaceIfDefined
#include <ATen/native/IndexingUtils.h>
#undef hasContiguousSubspace

namespace at::native {

inline bool hasContiguousSubspace(TensorList indices) {
  for (const Tensor& index : indices) {
    if (index.defined()) {
      return hasContiguousSubspaceIfDefined(indices);
    }
  }
  return true;
}

} // namespace at::native
