/* Included before float microkernels of XNNPACK for SSE, which clamp with `max(value, lowest)`.
 *
 * The instruction gives its second operand where one is not a number, so these kernels would make a
 * limit of what torch leaves not a number. Those for AVX have the operands the other way round. */
#pragma once
#include <xmmintrin.h>

#define _mm_max_ps(value, lowest) _mm_max_ps(lowest, value)
#define _mm_min_ps(value, highest) _mm_min_ps(highest, value)
