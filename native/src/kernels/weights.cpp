#include "kernels/weights.h"

#include "registry/weights.h"

#include <c10/core/StorageImpl.h>
#include <c10/util/intrusive_ptr.h>

#include <atomic>
#include <map>
#include <mutex>
#include <tuple>

namespace build_runtime {
namespace {

// Which numbers of a weight were packed: the first, their two strides, how many columns, how deep.
using Place = std::tuple<const float*, int64_t, int64_t, int64_t, int64_t>;

struct Weight {
  c10::weak_intrusive_ptr<c10::StorageImpl> storage;
  const char* end;
  std::map<Place, std::shared_ptr<const float>> packed;
};

// All weights by where their memory begins. Kernels have addresses alone: what lies in the memory
// of a storage that is still there is that storage's.
class Weights final : public WeightObserver {
 public:
  void owned(const at::Tensor& tensor) override {
    if (!is_weight(tensor)) {
      return;
    }
    const c10::Storage& storage = tensor.storage();
    const auto* begin = static_cast<const char*>(storage.data());
    const std::scoped_lock lock(mutex_);
    drop_expired();
    weights_.try_emplace(
        begin, Weight{c10::weak_intrusive_ptr<c10::StorageImpl>(storage.getWeakStorageImpl()),
                      begin + storage.nbytes(),
                      {}});
    count_ = weights_.size();
  }

  void written(const at::Tensor& tensor) override {
    if (count_ == 0 || !tensor.has_storage()) {
      return;
    }
    const std::scoped_lock lock(mutex_);
    weights_.erase(static_cast<const char*>(tensor.storage().data()));
    count_ = weights_.size();
  }

  void dropped() override {
    const std::scoped_lock lock(mutex_);
    drop_expired();
  }

  std::shared_ptr<const float> find(const Columns& columns, int64_t count, int64_t depth) {
    if (count_ == 0) {
      return nullptr;
    }
    const std::scoped_lock lock(mutex_);
    Weight* weight = holder_of(columns.data);
    if (weight == nullptr) {
      return nullptr;
    }
    auto& packed =
        weight->packed[{columns.data, columns.stride, columns.depth_stride, count, depth}];
    if (packed == nullptr) {
      packed = pack(columns, count, depth);
    }
    return packed;
  }

 private:
  static bool is_weight(const at::Tensor& tensor) {
    return tensor.layout() == c10::kStrided && tensor.scalar_type() == c10::kFloat &&
           tensor.device().is_cpu() && tensor.dim() > 1 && tensor.has_storage() &&
           tensor.storage().nbytes() > 0;
  }

  static std::shared_ptr<const float> pack(const Columns& columns, int64_t count, int64_t depth) {
    const FloatProduct& kernels = FloatProduct::get();
    Floats panels = make_floats(kernels.panels(count) * kernels.panel_size(depth));
    kernels.pack(columns, count, depth, panels.get());
    return {panels.release(), FreeFloats()};
  }

  Weight* holder_of(const float* data) {
    const auto* address = reinterpret_cast<const char*>(data);
    auto found = weights_.upper_bound(address);
    if (found == weights_.begin()) {
      return nullptr;
    }
    --found;
    Weight& weight = found->second;
    return address < weight.end && !weight.storage.expired() ? &weight : nullptr;
  }

  void drop_expired() {
    for (auto it = weights_.begin(); it != weights_.end();) {
      it = it->second.storage.expired() ? weights_.erase(it) : std::next(it);
    }
    count_ = weights_.size();
  }

  std::mutex mutex_;
  std::map<const char*, Weight> weights_;
  std::atomic<size_t> count_ = 0;
};

// Never destroyed: a thread may still run a model while the process ends.
Weights& weights() {
  static auto* const all = new Weights();
  return *all;
}

const bool observing [[maybe_unused]] = observe_weights(&weights());

} // namespace

std::shared_ptr<const float> packed_weight(const Columns& columns, int64_t count, int64_t depth) {
  return weights().find(columns, count, depth);
}

} // namespace build_runtime
