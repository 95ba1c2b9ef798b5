// Non-maximum suppression as torchvision defines it: of boxes that overlap, the best one is kept.
#include <ATen/Dispatch.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace {

template <class Real>
std::vector<int64_t> kept_boxes(const Real* boxes, const Real* scores, int64_t count,
                                double threshold) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t one, int64_t other) { return scores[one] > scores[other]; });
  const auto area = [&](int64_t box) {
    const Real* const it = boxes + 4 * box;
    return (it[2] - it[0]) * (it[3] - it[1]);
  };
  const auto overlap = [&](int64_t one, int64_t other) {
    const Real* const a = boxes + 4 * one;
    const Real* const b = boxes + 4 * other;
    const Real width = std::max(Real(0), std::min(a[2], b[2]) - std::max(a[0], b[0]));
    const Real height = std::max(Real(0), std::min(a[3], b[3]) - std::max(a[1], b[1]));
    const Real both = width * height;
    return both / (area(one) + area(other) - both);
  };
  std::vector<int64_t> kept;
  std::vector<bool> suppressed(order.size());
  for (size_t place = 0; place < order.size(); ++place) {
    if (suppressed[place]) {
      continue;
    }
    kept.push_back(order[place]);
    for (size_t later = place + 1; later < order.size(); ++later) {
      if (overlap(order[place], order[later]) > threshold) {
        suppressed[later] = true;
      }
    }
  }
  return kept;
}

// `dets` is [N, 4] with corners x1, y1, x2, y2, `scores` is [N]. Returns the places of the boxes
// that are kept, the best one first.
at::Tensor nms(const at::Tensor& dets, const at::Tensor& scores, double iou_threshold) {
  TORCH_CHECK(dets.dim() == 2 && dets.size(1) == 4, "boxes must be [N, 4]");
  TORCH_CHECK(scores.dim() == 1 && scores.size(0) == dets.size(0), "scores must be [N]");
  TORCH_CHECK(dets.scalar_type() == scores.scalar_type(), "boxes and scores differ in dtype");
  const at::Tensor boxes = dets.contiguous();
  const at::Tensor values = scores.contiguous();
  std::vector<int64_t> kept;
  AT_DISPATCH_FLOATING_TYPES(boxes.scalar_type(), "nms", [&] {
    kept = kept_boxes(boxes.const_data_ptr<scalar_t>(), values.const_data_ptr<scalar_t>(),
                      boxes.size(0), iou_threshold);
  });
  at::Tensor result =
      at::empty({static_cast<int64_t>(kept.size())}, boxes.options().dtype(at::kLong));
  std::copy(kept.begin(), kept.end(), result.mutable_data_ptr<int64_t>());
  return result;
}

} // namespace

TORCH_LIBRARY_FRAGMENT(torchvision, m) {
  m.def("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor");
}

TORCH_LIBRARY_IMPL(torchvision, CPU, m) {
  m.impl("nms", nms);
}
