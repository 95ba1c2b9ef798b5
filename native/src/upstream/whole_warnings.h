// Included before torch/csrc/jit/mobile/interpreter.cpp: the text of a model's `warnings.warn` is
// the model's own. It goes where those of LibTorch, which are for its developers, are compiled out.
#pragma once
#include <c10/util/Exception.h>

#undef WARNING_MESSAGE_STRING
#define WARNING_MESSAGE_STRING(...) ::c10::str(__VA_ARGS__)
