// Included before ATen/EmptyTensor.cpp, where sizes become bytes.
//
// Note [Sizes that overflow]. LibTorch leaves the checks of these products out of mobile builds
// (`#ifndef C10_MOBILE`): a size of 2^31 x 2^31 then gets a few bytes of memory, and its kernel
// writes elsewhere. The definition is taken away for what stands in that file alone: every header
// it includes comes first, as the layout of what they declare depends on it. The number of elements
// is checked in native/src/registry/checked_numel.cpp.
#pragma once
#include <ATen/Context.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/detail/XPUHooksInterface.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/safe_numerics.h>

#include <limits>

#undef C10_MOBILE
