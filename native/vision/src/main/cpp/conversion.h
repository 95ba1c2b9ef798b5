// From frames of a camera to normalised tensors.
#pragma once

#include "frame.h"

namespace vision {

// Turns, crops, scales and normalises a frame. All of its samples and all of the output are there.
void convert(const Frame& frame, Rotation clockwise, const Tables& tables, const Output& output);

} // namespace vision
