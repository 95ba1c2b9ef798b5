/* Included before those of src/configs of XNNPACK in which a processor is asked what it can do.
 *
 * XNNPACK chooses its microkernels by these answers. A runtime that was built without the kernels
 * of an instruction set hears that the processor does not have it: the choice is made when it is
 * linked, so that all runtimes share the objects. */
#pragma once
#include <cpuinfo.h>
#include <stdbool.h>

/* Defined with the registrations of a runtime. */
extern const bool br_isa_avx512;
extern const bool br_isa_between; /* SSSE3, SSE4.1 and AVX, without FMA3; AVX-VNNI, beyond AVX2 */

/* Read by these sources alone: the flags of kernels stay as they are. */
#undef XNN_ENABLE_AVXVNNI
#define XNN_ENABLE_AVXVNNI 1

#define cpuinfo_has_x86_avx512f() (br_isa_avx512 && cpuinfo_has_x86_avx512f())
#define cpuinfo_has_x86_ssse3() (br_isa_between && cpuinfo_has_x86_ssse3())
#define cpuinfo_has_x86_sse4_1() (br_isa_between && cpuinfo_has_x86_sse4_1())
#define cpuinfo_has_x86_avx() (br_isa_between && cpuinfo_has_x86_avx())
#define cpuinfo_has_x86_avxvnni() (br_isa_between && cpuinfo_has_x86_avxvnni())
