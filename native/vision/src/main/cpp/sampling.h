// Which pixels of a frame the elements of a tensor are made of.
#pragma once

#include "frame.h"

namespace vision {

// The positions along one side of the frame, for positions along one side of the tensor.
class Axis {
 public:
  // `crop` positions in the middle of `length` stand for `count` of the tensor, in reverse or not.
  Axis(int32_t length, int32_t crop, int32_t count, bool reverse)
      : first_((length - crop) / 2), crop_(crop), count_(count), reverse_(reverse) {}

  // Returns a position within the frame. The nearest one is that which scaling reached last, as
  // for torch.nn.functional.interpolate with mode="nearest".
  int32_t at(int32_t position) const {
    const auto offset = static_cast<int32_t>(static_cast<int64_t>(position) * crop_ / count_);
    return first_ + (reverse_ ? crop_ - 1 - offset : offset);
  }

 private:
  int32_t first_;
  int32_t crop_;
  int32_t count_;
  bool reverse_;
};

// The largest area in the middle of a frame that has the tensor's proportions when it is upright.
struct Sampling {
  Axis columns; // of the tensor
  Axis rows;
  bool turned; // a column of the tensor is a row of the frame
};

Sampling sampling_of(int32_t width, int32_t height, Rotation clockwise, const Output& output);

} // namespace vision
