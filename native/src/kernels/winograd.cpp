// Note [Winograd] in winograd.h.
#include "kernels/winograd.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>

namespace build_runtime {
namespace {

constexpr int64_t kKernel = 3;
constexpr int64_t kOut = 4;
constexpr int64_t kIn = kOut + kKernel - 1;
constexpr int64_t kPlaces = kIn * kIn;

// Vectors that every processor of an ABI has.
constexpr int64_t kLanes = 4;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));

// The points are 0, +-kNear, +-kFar and infinity; kNear * kFar is 1.
constexpr float kFar = 1.41421356F;
constexpr float kNear = kFar / 2;

// What is transformed at a time stays in the second cache.
constexpr int64_t kBlock = int64_t{1024} * 1024 / sizeof(float);
// Fewer channels do not make up for the transforms, more need too much memory.
constexpr int64_t kFewest = 16;
constexpr int64_t kMost = int64_t{256} * 256;
constexpr int64_t kFewestTiles = 4;
// A number this much larger than another leaves its mark on results that depend on that one alone.
// Of a normal distribution 0.04 % are so much smaller than the largest.
constexpr float kOutlier = 1e4F;
constexpr float kBorne = 1.0F / 64;
// Numbers that are worth waking a thread for.
constexpr int64_t kGrain = 1 << 15;

Lanes load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof(lanes));
  return lanes;
}

void store(const Lanes& lanes, float* to) {
  std::memcpy(to, &lanes, sizeof(lanes));
}

using Line = std::array<Lanes, kIn>;

// Six pixels in a line.
Line transformed(const Line& d) {
  const Lanes near_even = d[4] - 2.0F * d[2];
  const Lanes near_odd = kNear * d[3] - kFar * d[1];
  const Lanes far_even = d[4] - 0.5F * d[2];
  const Lanes far_odd = kFar * d[3] - kNear * d[1];
  return {d[0] - 2.5F * d[2] + d[4], near_even + near_odd, near_even - near_odd,
          far_even + far_odd,        far_even - far_odd,   d[1] - 2.5F * d[3] + d[5]};
}

// Six sums in a line become four results.
std::array<Lanes, kOut> transformed_back(const Line& m) {
  const Lanes near_sum = m[1] + m[2];
  const Lanes near_difference = m[1] - m[2];
  const Lanes far_sum = m[3] + m[4];
  const Lanes far_difference = m[3] - m[4];
  return {m[0] + near_sum + far_sum, kNear * near_difference + kFar * far_difference,
          0.5F * near_sum + 2.0F * far_sum,
          0.5F * kNear * near_difference + 2.0F * kFar * far_difference + m[5]};
}

// Three weights in a line.
std::array<double, kIn> transformed_weights(double one, double two, double three) {
  const double root = std::sqrt(2.0);
  const double near_even = (one + three / 2) / -1.5;
  const double near_odd = two * root / 2 / -1.5;
  const double far_even = (one + three * 2) / 6;
  const double far_odd = two * root / 6;
  return {one,  near_even + near_odd, near_even - near_odd, far_even + far_odd, far_even - far_odd,
          three};
}

// `weight` has the numbers of one output and input, `step` apart.
std::array<double, kPlaces> transformed_kernel(const float* weight, int64_t step) {
  std::array<std::array<double, kIn>, kKernel> lines{};
  for (int64_t row = 0; row < kKernel; ++row) {
    const float* line = weight + row * kKernel * step;
    lines[row] = transformed_weights(line[0], line[step], line[2 * step]);
  }
  std::array<double, kPlaces> made{};
  for (int64_t column = 0; column < kIn; ++column) {
    const auto line = transformed_weights(lines[0][column], lines[1][column], lines[2][column]);
    for (int64_t row = 0; row < kIn; ++row) {
      made[row * kIn + column] = line[row];
    }
  }
  return made;
}

// From `outputs` times height, width, inputs to places times outputs, inputs. False if a number is
// not finite.
bool transform_kernels(const float* weight, int64_t outputs, int64_t inputs, float* to) {
  float sum = 0; // of zeros, or not a number
  for (int64_t output = 0; output < outputs; ++output) {
    for (int64_t input = 0; input < inputs; ++input) {
      const auto kernel =
          transformed_kernel(weight + output * kKernel * kKernel * inputs + input, inputs);
      for (int64_t place = 0; place < kPlaces; ++place) {
        const auto value = static_cast<float>(kernel[place]);
        to[(place * outputs + output) * inputs + input] = value;
        sum += 0.0F * value;
      }
    }
  }
  return sum == 0.0F;
}

// An image without gaps, channels last, with zeros around it.
struct Image {
  const float* data;
  int64_t batch;
  int64_t height;
  int64_t width;
  int64_t top;
  int64_t left;
};

struct Result {
  float* data;
  int64_t height;
  int64_t width;
};

int64_t tiles_of(int64_t size) {
  return (size + kOut - 1) / kOut;
}

// Where a tile begins in the result.
struct Tile {
  int64_t image;
  int64_t row;
  int64_t column;
};

Tile tile_at(int64_t number, const Result& result) {
  const int64_t across = tiles_of(result.width);
  const int64_t down = tiles_of(result.height);
  return {number / (across * down), number / across % down * kOut, number % across * kOut};
}

// A column of the pixels that a tile needs: four channels; zeros outside of the image.
Line pixels(const Image& image, int64_t inputs, const Tile& tile, int64_t column, int64_t channel) {
  Line line = {};
  const int64_t x = tile.column - image.left + column;
  if (x < 0 || x >= image.width) {
    return line;
  }
  const int64_t top = tile.row - image.top;
  const float* from =
      image.data + ((tile.image * image.height + top) * image.width + x) * inputs + channel;
  for (int64_t row = std::max<int64_t>(0, -top); row < std::min(kIn, image.height - top); ++row) {
    line[row] = load(from + row * image.width * inputs);
  }
  return line;
}

// `to` has the numbers of the tile's first place; those of the next are `step` later.
void transform_tile(const Image& image, int64_t inputs, const Tile& tile, float* to, int64_t step) {
  for (int64_t channel = 0; channel < inputs; channel += kLanes) {
    std::array<Line, kIn> columns = {};
    for (int64_t column = 0; column < kIn; ++column) {
      columns[column] = transformed(pixels(image, inputs, tile, column, channel));
    }
    for (int64_t row = 0; row < kIn; ++row) {
      const Line line = transformed({columns[0][row], columns[1][row], columns[2][row],
                                     columns[3][row], columns[4][row], columns[5][row]});
      for (int64_t column = 0; column < kIn; ++column) {
        store(line[column], to + (row * kIn + column) * step + channel);
      }
    }
  }
}

struct Finish {
  const float* bias; // null: none
  float lowest;
  float highest;
};

// Writes four channels of a tile. Returns zeros if all of its numbers are finite.
Lanes finish_channels(const float* from, int64_t step, const Finish& finish, int64_t channel,
                      const Result& result, int64_t outputs, const Tile& tile) {
  std::array<std::array<Lanes, kOut>, kIn> columns = {};
  for (int64_t column = 0; column < kIn; ++column) {
    Line line;
    for (int64_t row = 0; row < kIn; ++row) {
      line[row] = load(from + (row * kIn + column) * step + channel);
    }
    columns[column] = transformed_back(line);
  }
  const Lanes bias = finish.bias == nullptr ? Lanes{} : load(finish.bias + channel);
  const Lanes lowest = Lanes{} + finish.lowest;
  const Lanes highest = Lanes{} + finish.highest;
  Lanes check = {};
  for (int64_t row = 0; row < std::min(kOut, result.height - tile.row); ++row) {
    const auto line = transformed_back({columns[0][row], columns[1][row], columns[2][row],
                                        columns[3][row], columns[4][row], columns[5][row]});
    float* to =
        result.data +
        ((tile.image * result.height + tile.row + row) * result.width + tile.column) * outputs +
        channel;
    for (int64_t column = 0; column < std::min(kOut, result.width - tile.column); ++column) {
      Lanes value = line[column] + bias;
      check += 0.0F * value;
      value = value < lowest ? lowest : value;
      store(value > highest ? highest : value, to + column * outputs);
    }
  }
  return check;
}

bool finish_tile(const float* from, int64_t step, const Finish& finish, const Result& result,
                 int64_t outputs, const Tile& tile) {
  Lanes check = {};
  for (int64_t channel = 0; channel < outputs; channel += kLanes) {
    check += finish_channels(from, step, finish, channel, result, outputs, tile);
  }
  float sum = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    sum += check[lane];
  }
  return sum == 0.0F;
}

Lanes size_of(const float* from) {
  const Lanes lanes = load(from);
  return lanes < 0 ? -lanes : lanes;
}

// Whether some numbers are so large that others, which are not zero, would bear their error.
bool has_outliers(const float* from, int64_t count) {
  Lanes most = {};
  for (int64_t i = 0; i < count; i += kLanes) {
    const Lanes size = size_of(from + i);
    most = size > most ? size : most;
  }
  float largest = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    largest = std::max(largest, most[lane]);
  }
  const Lanes bound = Lanes{} + largest / kOutlier;
  const Lanes one = Lanes{} + 1.0F;
  Lanes borne = {};
  for (int64_t i = 0; i < count; i += kLanes) {
    const Lanes size = size_of(from + i);
    borne += ((size > 0) & (size < bound)) ? one : Lanes{};
  }
  float total = 0;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    total += borne[lane];
  }
  return total > static_cast<float>(count) * kBorne;
}

// Whether the layer gains enough for the memory it takes: four times that of the definition.
bool suits(at::IntArrayRef sizes) {
  return sizes[2] == kKernel && sizes[3] == kKernel && std::min(sizes[0], sizes[1]) >= kFewest &&
         sizes[0] % kLanes == 0 && sizes[1] % kLanes == 0 && sizes[1] <= kMost / sizes[0];
}

} // namespace

std::unique_ptr<Winograd> Winograd::pack(at::IntArrayRef sizes, const std::vector<float>& weight,
                                         const std::vector<float>& bias, float lowest,
                                         float highest) {
  const int64_t outputs = sizes[0];
  const int64_t inputs = sizes[1];
  if (!suits(sizes)) {
    return nullptr;
  }
  const FloatProduct& kernels = FloatProduct::get();
  std::unique_ptr<Winograd> made(new Winograd());
  made->inputs_ = inputs;
  made->outputs_ = outputs;
  made->bias_ = bias;
  made->lowest_ = lowest;
  made->highest_ = highest;
  const int64_t panel = kernels.panel_size(inputs);
  made->panel_floats_ = kernels.panels(outputs) * panel;
  made->panels_ = make_floats(kPlaces * made->panel_floats_);
  const Floats places = make_floats(kPlaces * kernels.width() * inputs);
  bool finite = true;
  for (int64_t first = 0; first < outputs; first += kernels.width()) {
    const int64_t count = std::min(kernels.width(), outputs - first);
    const float* part = weight.data() + first * kKernel * kKernel * inputs;
    finite = transform_kernels(part, count, inputs, places.get()) && finite;
    for (int64_t place = 0; place < kPlaces; ++place) {
      kernels.pack(
          {places.get() + place * count * inputs, inputs, 1}, count, inputs,
          made->panels_.get() + place * made->panel_floats_ + first / kernels.width() * panel);
    }
  }
  return finite ? std::move(made) : nullptr;
}

bool Winograd::run(const at::Tensor& input, int64_t top, int64_t left,
                   const at::Tensor& output) const {
  const Image image{
      input.const_data_ptr<float>(), input.size(0), input.size(2), input.size(3), top, left};
  const Result result{output.mutable_data_ptr<float>(), output.size(2), output.size(3)};
  const FloatProduct& kernels = FloatProduct::get();
  const int64_t tiles = image.batch * tiles_of(result.height) * tiles_of(result.width);
  if (tiles < kFewestTiles || has_outliers(image.data, input.numel())) {
    return false;
  }
  const int64_t wanted = std::max<int64_t>(1, kBlock / (kPlaces * (inputs_ + outputs_)));
  const int64_t rows = std::max<int64_t>(4, wanted / kernels.rows()) * kernels.rows();
  const int64_t block = std::min(tiles, rows);
  const Floats buffer = make_floats(kPlaces * block * (inputs_ + outputs_));
  float* const sums = buffer.get() + kPlaces * block * inputs_;
  const Finish finish{bias_.empty() ? nullptr : bias_.data(), lowest_, highest_};
  std::atomic<bool> finite = true;
  for (int64_t first = 0; first < tiles; first += block) {
    const int64_t count = std::min(block, tiles - first);
    at::parallel_for(0, count, kGrain / (kPlaces * inputs_) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t it = begin; it < end; ++it) {
        transform_tile(image, inputs_, tile_at(first + it, result), buffer.get() + it * inputs_,
                       block * inputs_);
      }
    });
    at::parallel_for(0, kPlaces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t place = begin; place < end; ++place) {
        kernels.multiply({buffer.get() + place * block * inputs_, inputs_}, count, outputs_,
                         inputs_, panels_.get() + place * panel_floats_,
                         sums + place * block * outputs_, outputs_);
      }
    });
    at::parallel_for(0, count, kGrain / (kPlaces * outputs_) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t it = begin; it < end; ++it) {
        if (!finish_tile(sums + it * outputs_, block * outputs_, finish, result, outputs_,
                         tile_at(first + it, result))) {
          finite = false;
        }
      }
    });
  }
  return finite;
}

} // namespace build_runtime
