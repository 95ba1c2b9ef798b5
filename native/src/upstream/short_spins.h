/* Included before src/pthreads.c of pthreadpool: how long a thread spins before it sleeps.
 *
 * Upstream spins a million times, some milliseconds. On a busy machine the thread that is waited
 * for then waits for those that spin, and two threads take longer than one. Waking a sleeper takes
 * some microseconds, about as long as these rounds. */
#pragma once
#include "threadpool-common.h"

#undef PTHREADPOOL_SPIN_WAIT_ITERATIONS
#define PTHREADPOOL_SPIN_WAIT_ITERATIONS 2000
