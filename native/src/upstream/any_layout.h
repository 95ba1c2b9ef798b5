// Included before ATen/native/quantized/cpu/qclamp.cpp, which then limits numbers by LibTorch's own
// kernel. QNNPACK's reads an image that keeps its channels last in that order and writes it to a
// tensor of the other order, so that the numbers come out at other places; and it lacks limits of
// one side.
#pragma once

#undef USE_PYTORCH_QNNPACK
