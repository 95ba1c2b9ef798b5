// at::PerTensorAffineQuantizer::quantize: upstream asks the C library to round each number.
#include "kernels/quantizer.h"

#include "kernels/xnnpack.h"

#include <ATen/Parallel.h>
#include <ATen/native/quantized/AffineQuantizer.h>
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

} // namespace

void quantize(const float* from, int64_t count, double scale, int64_t zero_point, int64_t least,
              uint8_t* to) {
  constexpr int64_t kSteps = std::numeric_limits<uint8_t>::max();
  const float inverse = 1.0F / static_cast<float>(scale);
  const auto lowest = static_cast<float>(least - zero_point);
  const auto highest = static_cast<float>(least + kSteps - zero_point);
  at::parallel_for(0, count, kGrain, [&](int64_t begin, int64_t end) {
    quantize_part(from + begin, end - begin, inverse, lowest, highest,
                  static_cast<int32_t>(zero_point), to + begin);
  });
}

} // namespace build_runtime

namespace at {

Tensor PerTensorAffineQuantizer::quantize(const Tensor& rtensor) {
  if (rtensor.scalar_type() != kFloat) {
    build_runtime::fail_kernel("only float32 numbers can be quantized");
  }
  const MemoryFormat format = rtensor.suggest_memory_format();
  const Tensor values = rtensor.contiguous(format);
  Tensor made =
      new_qtensor(values.sizes(), values.options().dtype(scalar_type_).memory_format(format),
                  intrusive_from_this());
  const bool is_signed = scalar_type_ == kQInt8;
  const int64_t least = is_signed ? std::numeric_limits<int8_t>::min() : 0;
  constexpr int64_t kSteps = std::numeric_limits<uint8_t>::max();
  if ((is_signed || scalar_type_ == kQUInt8) && values.device().is_cpu() && zero_point_ >= least &&
      zero_point_ <= least + kSteps) {
    build_runtime::quantize(values.const_data_ptr<float>(), values.numel(), scale_, zero_point_,
                            least, static_cast<uint8_t*>(made.mutable_data_ptr()));
    return made;
  }
  return native::quantize_tensor_per_tensor_affine(values, made, scale_, zero_point_);
}

} // namespace at
