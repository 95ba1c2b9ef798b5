#include "conversion.h"

#include <cstddef>
#include <cstdint>

#include "sampling.h"

namespace vision {

namespace {

// Note [Tiles]: a tensor is made in tiles that lie on the stack. First the samples of a tile are
// gathered, one by one, for they lie anywhere. What follows reads neighbours, so that the compiler
// does several at once. Of a frame that is turned, the samples of a column are neighbours: they are
// gathered column by column, and a tile is high enough to take all that come with a cache line.
constexpr int32_t kColumns = 128;
constexpr int32_t kRows = 32;

// Where samples along one side of a tile lie, in bytes from where those of the other side say.
template <int32_t kCount>
struct Offsets {
  int32_t y[kCount];
  int32_t u[kCount];
  int32_t v[kCount];
};

// How far the samples of neighbouring pixels of the frame are apart.
struct Steps {
  int32_t y;
  int32_t u;
  int32_t v;
};

template <int32_t kCount>
void locate(const Axis& axis, int32_t first, int32_t count, const Steps& steps,
            Offsets<kCount>& offsets) {
  for (int32_t i = 0; i < count; i++) {
    const int32_t position = axis.at(first + i);
    offsets.y[i] = position * steps.y;
    offsets.u[i] = (position / 2) * steps.u;
    offsets.v[i] = (position / 2) * steps.v;
  }
}

struct Tile {
  uint8_t y[kRows][kColumns];
  uint8_t u[kRows][kColumns];
  uint8_t v[kRows][kColumns];
};

struct Extent {
  int32_t columns;
  int32_t rows;
};

void gather(const uint8_t* samples, const int32_t* columns, const int32_t* rows, Extent extent,
            uint8_t (&tile)[kRows][kColumns]) {
  for (int32_t row = 0; row < extent.rows; row++) {
    const uint8_t* line = samples + rows[row];
    for (int32_t column = 0; column < extent.columns; column++) {
      tile[row][column] = line[columns[column]];
    }
  }
}

void gather_turned(const uint8_t* samples, const int32_t* columns, const int32_t* rows,
                   Extent extent, uint8_t (&tile)[kRows][kColumns]) {
  for (int32_t column = 0; column < extent.columns; column++) {
    const uint8_t* line = samples + columns[column];
    for (int32_t row = 0; row < extent.rows; row++) {
      tile[row][column] = line[rows[row]];
    }
  }
}

uint8_t clamped(int32_t in_1024ths) {
  const int32_t value = in_1024ths >> 10;
  if (value < 0) {
    return 0;
  }
  return static_cast<uint8_t>(value > 255 ? 255 : value);
}

struct Colours {
  uint8_t red[kColumns];
  uint8_t green[kColumns];
  uint8_t blue[kColumns];
};

// BT.601 with the range of video, in 1024ths: the numbers are those of PyTorch Mobile, whose models
// were fed with them.
void colour(const Tile& tile, int32_t row, int32_t count, Colours& colours) {
  for (int32_t i = 0; i < count; i++) {
    const int32_t above = tile.y[row][i] - 16;
    const int32_t luma = 1192 * (above < 0 ? 0 : above);
    const int32_t u = tile.u[row][i] - 128;
    const int32_t v = tile.v[row][i] - 128;
    colours.red[i] = clamped(luma + 1634 * v);
    colours.green[i] = clamped(luma - 833 * v - 400 * u);
    colours.blue[i] = clamped(luma + 2066 * u);
  }
}

void write(const Colours& colours, const Tables& tables, int32_t count, size_t first,
           const Output& output) {
  if (output.order == Order::kChannelsLast) {
    float* pixel = output.elements + 3 * first;
    for (int32_t i = 0; i < count; i++, pixel += 3) {
      pixel[0] = tables.red[colours.red[i]];
      pixel[1] = tables.green[colours.green[i]];
      pixel[2] = tables.blue[colours.blue[i]];
    }
    return;
  }
  const size_t channel = static_cast<size_t>(output.width) * static_cast<size_t>(output.height);
  float* red = output.elements + first;
  float* green = red + channel;
  float* blue = green + channel;
  for (int32_t i = 0; i < count; i++) {
    red[i] = tables.red[colours.red[i]];
    green[i] = tables.green[colours.green[i]];
    blue[i] = tables.blue[colours.blue[i]];
  }
}

int32_t at_most(int32_t most, int32_t left) {
  return left < most ? left : most;
}

} // namespace

void convert(const Frame& frame, Rotation clockwise, const Tables& tables, const Output& output) {
  const Sampling sampling = sampling_of(frame.width, frame.height, clockwise, output);
  const Steps down{frame.y.row_stride, frame.u.row_stride, frame.v.row_stride};
  const Steps right{frame.y.pixel_stride, frame.u.pixel_stride, frame.v.pixel_stride};
  const auto gathering = sampling.turned ? gather_turned : gather;
  Offsets<kColumns> columns{};
  Offsets<kRows> rows{};
  Tile tile{};
  Colours colours{};
  for (int32_t left = 0; left < output.width; left += kColumns) {
    const int32_t wide = at_most(kColumns, output.width - left);
    locate(sampling.columns, left, wide, sampling.turned ? down : right, columns);
    for (int32_t top = 0; top < output.height; top += kRows) {
      const Extent extent{wide, at_most(kRows, output.height - top)};
      locate(sampling.rows, top, extent.rows, sampling.turned ? right : down, rows);
      gathering(frame.y.samples, columns.y, rows.y, extent, tile.y);
      gathering(frame.u.samples, columns.u, rows.u, extent, tile.u);
      gathering(frame.v.samples, columns.v, rows.v, extent, tile.v);
      for (int32_t row = 0; row < extent.rows; row++) {
        colour(tile, row, wide, colours);
        const size_t above = static_cast<size_t>(top) + static_cast<size_t>(row);
        write(colours, tables, wide, above * static_cast<size_t>(output.width) + left, output);
      }
    }
  }
}

} // namespace vision
