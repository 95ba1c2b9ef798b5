// at::native::quantize_per_tensor and quantize_per_tensor_tensor_qparams: upstream asks the C
// library to round each number.
#include "kernels/quantizer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/quantize_per_tensor_native.h>
#include <ATen/quantized/Quantizer.h>

#include <limits>

namespace build_runtime {
namespace {

// Numbers that are worth waking a thread for.
constexpr int64_t kGrain = 1 << 16;

// Above it floats have no fraction: adding it rounds as the processor does.
constexpr float kWhole = 12582912.0F;

void quantize_part(const float* from, int64_t count, float inverse, float least, float most,
                   int32_t zero_point, uint8_t* to) {
  for (int64_t i = 0; i < count; ++i) {
    const float scaled = from[i] * inverse;
    const float above = scaled > least ? scaled : least;
    const float within = above < most ? above : most;
    const float whole = (within + kWhole) - kWhole;
    to[i] = static_cast<uint8_t>(static_cast<int32_t>(whole) + zero_point);
  }
}

constexpr int64_t kSteps = std::numeric_limits<uint8_t>::max();

at::Tensor quantized(const at::Tensor& values, double scale, int64_t zero_point,
                     at::ScalarType dtype) {
  const at::QuantizerPtr quantizer = at::make_per_tensor_affine_quantizer(scale, zero_point, dtype);
  const bool is_signed = dtype == at::kQInt8;
  const int64_t least = is_signed ? std::numeric_limits<int8_t>::min() : 0;
  if ((!is_signed && dtype != at::kQUInt8) || zero_point < least || zero_point > least + kSteps ||
      values.scalar_type() != at::kFloat || values.layout() != at::kStrided) {
    return quantizer->quantize(values);
  }
  const at::MemoryFormat format = values.suggest_memory_format();
  const at::Tensor dense = values.contiguous(format);
  at::Tensor made =
      at::new_qtensor(dense.sizes(), dense.options().dtype(dtype).memory_format(format), quantizer);
  quantize(dense.const_data_ptr<float>(), dense.numel(), scale, zero_point, least,
           static_cast<uint8_t*>(made.mutable_data_ptr()));
  return made;
}

} // namespace

void quantize(const float* from, int64_t count, double scale, int64_t zero_point, int64_t least,
              uint8_t* to) {
  const float inverse = 1.0F / static_cast<float>(scale);
  const auto lowest = static_cast<float>(least - zero_point);
  const auto highest = static_cast<float>(least + kSteps - zero_point);
  at::parallel_for(0, count, kGrain, [&](int64_t begin, int64_t end) {
    quantize_part(from + begin, end - begin, inverse, lowest, highest,
                  static_cast<int32_t>(zero_point), to + begin);
  });
}

} // namespace build_runtime

namespace at::native {

Tensor quantize_per_tensor(const Tensor& self, double scale, int64_t zero_point, ScalarType dtype) {
  return build_runtime::quantized(self, scale, zero_point, dtype);
}

Tensor quantize_per_tensor_tensor_qparams(const Tensor& self, const Tensor& scale,
                                          const Tensor& zero_point, ScalarType dtype) {
  return build_runtime::quantized(self, scale.item().toDouble(), zero_point.item().toLong(), dtype);
}

} // namespace at::native
