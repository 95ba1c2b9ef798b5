// Tensors at the border: made from and read as plain memory, without calling any operator but those
// that tell how a tensor is quantized; where none is, they are cut like all that concerns quantized
// tensors.
#include "api/value.h"

#include <ATen/ops/q_per_channel_axis_ops.h>
#include <ATen/ops/q_per_channel_scales_ops.h>
#include <ATen/ops/q_per_channel_zero_points_ops.h>
#include <ATen/ops/q_scale_ops.h>
#include <ATen/ops/q_zero_point_ops.h>
#include <ATen/ops/qscheme_ops.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/TensorImpl.h>

#include <climits>
#include <cstring>

using build_runtime::fail;
using build_runtime::give;
using build_runtime::guard;
using build_runtime::require;

namespace build_runtime {

const char* dtype_name(c10::ScalarType dtype) {
  static const char* const names[] = {
      "uint8",     "int8",      "int16",      "int32", "int64", "float16", "float32", "float64",
      "complex32", "complex64", "complex128", "bool",  "qint8", "quint8",  "qint32",  "bfloat16"};
  const auto number = static_cast<size_t>(dtype);
  return number < sizeof(names) / sizeof(names[0]) ? names[number] : "unknown";
}

namespace {

constexpr size_t kMaxRank = 64;

caffe2::TypeMeta type_of(br_dtype dtype) {
  const int number = dtype;
  if (number < BR_UINT8 || number > BR_BFLOAT16 || (number >= BR_QINT8 && number <= BR_QINT32)) {
    fail(BR_INVALID_ARGUMENT, "no tensor can be made of dtype " + std::to_string(number));
  }
  return c10::scalarTypeToTypeMeta(static_cast<c10::ScalarType>(number));
}

[[noreturn]] void fail_shape() {
  fail(BR_INVALID_ARGUMENT, "the shape or the strides are negative or too large");
}

// A layout that is known to fit in memory's address range.
struct Layout {
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  size_t bytes; // from the first element to the end of the last
};

Layout make_layout(size_t rank, const int64_t* shape, const int64_t* strides, size_t item_size) {
  if (rank != 0) {
    require(shape, "shape");
  }
  if (rank > kMaxRank) {
    fail_shape();
  }
  Layout layout{{shape, shape + rank}, std::vector<int64_t>(rank), 0};
  int64_t count = 1; // row-major elements; zero-sized dimensions count as one, as in PyTorch
  bool empty = false;
  for (size_t i = rank; i-- > 0;) {
    const int64_t size = shape[i];
    layout.strides[i] = strides == nullptr ? count : strides[i];
    if (size < 0 || layout.strides[i] < 0 ||
        __builtin_mul_overflow(count, size == 0 ? 1 : size, &count)) {
      fail_shape();
    }
    empty |= size == 0;
  }
  int64_t extent = empty ? 0 : 1;
  for (size_t i = 0; i < rank && !empty; ++i) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(shape[i] - 1, layout.strides[i], &reach) ||
        __builtin_add_overflow(extent, reach, &extent)) {
      fail_shape();
    }
  }
  int64_t bytes = 0;
  if (__builtin_mul_overflow(extent, static_cast<int64_t>(item_size), &bytes) ||
      static_cast<uint64_t>(bytes) > SIZE_MAX / 2) {
    fail_shape();
  }
  layout.bytes = static_cast<size_t>(bytes);
  return layout;
}

at::Tensor make_tensor(const Layout& layout, caffe2::TypeMeta type, at::DataPtr data) {
  const c10::InferenceMode inference;
  c10::Storage storage(c10::Storage::use_byte_size_t(), layout.bytes, std::move(data),
                       c10::GetCPUAllocator(), false);
  at::Tensor tensor = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::CPU), type);
  tensor.unsafeGetTensorImpl()->set_sizes_and_strides(layout.shape, layout.strides);
  return tensor;
}

// The caller's hook, run by the last owner of the memory.
struct Release {
  void (*function)(void*);
  void* context;
};

void run_release(void* release) {
  const auto* hook = static_cast<Release*>(release);
  hook->function(hook->context);
  delete hook;
}

const at::Tensor& expect_tensor(const br_value* value) {
  require(value, "value");
  if (kind_of(value->value) != BR_KIND_TENSOR) {
    fail(BR_WRONG_KIND, std::string("the value is not a tensor but a ") + kind_name(value->value));
  }
  const at::Tensor& tensor = value->value.toTensor();
  if (!tensor.has_storage() || !tensor.is_cpu() || tensor.is_sparse()) {
    fail(BR_WRONG_KIND, "the tensor is not dense memory of the CPU: let the model call to_dense()");
  }
  return tensor;
}

// Copy one dimension after the other; `source` walks by strides, `target` is filled in order.
char* gather(const br_tensor& view, size_t dimension, const char* source, char* target) {
  if (dimension == view.rank) {
    std::memcpy(target, source, view.element_size);
    return target + view.element_size;
  }
  for (int64_t i = 0; i < view.shape[dimension]; ++i) {
    // of a dimension of size 1 the stride can be any number
    const int64_t elements = i == 0 ? 0 : i * view.strides[dimension];
    const auto step = static_cast<ptrdiff_t>(elements * static_cast<int64_t>(view.element_size));
    target = gather(view, dimension + 1, source + step, target);
  }
  return target;
}

// A view that repeats one element can claim any shape, and LibTorch's own product wraps around in
// mobile builds: who makes a buffer of so many bytes would get a small one.
size_t count_elements(const at::Tensor& tensor) {
  size_t bytes = tensor.dtype().itemsize();
  bool empty = false;
  bool impossible = false;
  for (const int64_t size : tensor.sizes()) {
    impossible |= !empty && __builtin_mul_overflow(bytes, size, &bytes);
    empty |= size == 0;
  }
  if (empty) {
    return 0;
  }
  if (impossible) {
    fail(BR_OUT_OF_MEMORY, "the tensor has more bytes than memory can hold");
  }
  return bytes / tensor.dtype().itemsize();
}

br_tensor view_of(const at::Tensor& tensor) {
  br_tensor view{};
  view.dtype = static_cast<br_dtype>(tensor.scalar_type());
  view.rank = static_cast<size_t>(tensor.dim());
  view.shape = tensor.sizes().data();
  view.strides = tensor.strides().data();
  view.element_count = count_elements(tensor);
  view.element_size = tensor.dtype().itemsize();
  view.data = tensor.unsafeGetTensorImpl()->data();
  return view;
}

} // namespace
} // namespace build_runtime

using build_runtime::expect_tensor;
using build_runtime::make_layout;
using build_runtime::make_tensor;
using build_runtime::type_of;
using build_runtime::view_of;

br_status br_value_tensor_copy(br_dtype dtype, size_t rank, const int64_t* shape, const void* data,
                               size_t size, br_value** value, br_error** error) {
  return guard(error, [&] {
    const auto type = type_of(dtype);
    const auto layout = make_layout(rank, shape, nullptr, type.itemsize());
    if (layout.bytes != size) {
      fail(BR_INVALID_ARGUMENT, "the shape needs " + std::to_string(layout.bytes) + " bytes, " +
                                    std::to_string(size) + " were given");
    }
    at::DataPtr memory = c10::GetCPUAllocator()->allocate(size);
    if (size != 0) {
      require(data, "data");
      std::memcpy(memory.get(), data, size);
    }
    give(value, make_tensor(layout, type, std::move(memory)));
  });
}

br_status br_value_tensor_borrow(br_dtype dtype, size_t rank, const int64_t* shape,
                                 const int64_t* strides, void* data, void (*release)(void* context),
                                 void* context, br_value** value, br_error** error) {
  return guard(error, [&] {
    const auto type = type_of(dtype);
    const auto layout = make_layout(rank, shape, strides, type.itemsize());
    if (layout.bytes != 0) {
      require(data, "data");
    }
    auto hook = std::make_unique<build_runtime::Release>(build_runtime::Release{release, context});
    auto handle = std::make_unique<br_value>(
        br_value{make_tensor(layout, type, at::DataPtr(data, c10::Device(c10::DeviceType::CPU)))});
    require(value, "the result pointer");
    if (release != nullptr) {
      // Last, so that a failure above never calls the caller's hook.
      at::DataPtr owned(data, hook.release(), &build_runtime::run_release,
                        c10::Device(c10::DeviceType::CPU));
      handle->value.toTensor().storage().unsafeGetStorageImpl()->set_data_ptr_noswap(
          std::move(owned));
    }
    *value = handle.release();
  });
}

br_status br_value_tensor(const br_value* value, br_tensor* tensor, br_error** error) {
  return guard(error, [&] {
    require(tensor, "tensor");
    *tensor = view_of(expect_tensor(value));
  });
}

br_status br_value_quantization(const br_value* value, br_value** parameters, br_error** error) {
  return guard(error, [&] {
    const at::Tensor& tensor = expect_tensor(value);
    if (!c10::isQIntType(tensor.scalar_type())) {
      fail(BR_WRONG_KIND, "the tensor is not quantized");
    }
    const c10::InferenceMode inference;
    const auto scheme = at::_ops::qscheme::call(tensor);
    if (scheme == at::kPerTensorAffine || scheme == at::kPerTensorSymmetric) {
      give(parameters, c10::ivalue::Tuple::create(at::_ops::q_scale::call(tensor),
                                                  at::_ops::q_zero_point::call(tensor)));
      return;
    }
    give(parameters, c10::ivalue::Tuple::create(at::_ops::q_per_channel_scales::call(tensor),
                                                at::_ops::q_per_channel_zero_points::call(tensor),
                                                at::_ops::q_per_channel_axis::call(tensor)));
  });
}

br_status br_value_tensor_read(const br_value* value, void* buffer, size_t size, br_error** error) {
  return guard(error, [&] {
    const at::Tensor& tensor = expect_tensor(value);
    const br_tensor view = view_of(tensor);
    if (view.element_count * view.element_size != size) {
      fail(BR_INVALID_ARGUMENT, "the tensor has " +
                                    std::to_string(view.element_count * view.element_size) +
                                    " bytes, the buffer " + std::to_string(size));
    }
    if (size == 0) {
      return;
    }
    require(buffer, "buffer");
    if (tensor.is_contiguous()) {
      std::memcpy(buffer, view.data, size);
    } else if (view.rank > build_runtime::kMaxRank) {
      fail(BR_WRONG_KIND, "the tensor has more than 64 dimensions and is not contiguous");
    } else {
      build_runtime::gather(view, 0, static_cast<const char*>(view.data),
                            static_cast<char*>(buffer));
    }
  });
}
