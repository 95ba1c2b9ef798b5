#pragma once

#include <ATen/core/stack.h>
