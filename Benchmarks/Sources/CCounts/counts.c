// SPDX-License-Identifier: Apache-2.0
//
// The wrappers: each counts and goes on to what was asked for. A count is its thread's own. On x86-64 the runtime's functions are
// called as C functions are; the package description wraps them there only.
#include "counts.h"

#include <stddef.h>
#include <stdlib.h>

static _Thread_local struct counts counts;

struct counts counts_now(void) { return counts; }

bool counts_work(void) {
  uint64_t before = counts.allocations;
  void *volatile block = malloc(1);
  free(block);
  return counts.allocations != before;
}

#define COUNTED(result, name, parameters, arguments, counter, number)                                                          \
  result __real_##name parameters;                                                                                             \
  result __wrap_##name parameters;                                                                                             \
  result __wrap_##name parameters {                                                                                            \
    counts.counter += number;                                                                                                  \
    return __real_##name arguments;                                                                                            \
  }

#if defined(__x86_64__)
COUNTED(void *, swift_allocObject, (const void *type, size_t size, size_t mask), (type, size, mask), objects, 1)
COUNTED(void *, swift_retain, (void *object), (object), retains, 1)
COUNTED(void *, swift_retain_n, (void *object, uint32_t n), (object, n), retains, n)
COUNTED(void *, swift_bridgeObjectRetain, (void *object), (object), retains, 1)
COUNTED(void *, swift_bridgeObjectRetain_n, (void *object, int n), (object, n), retains, (uint64_t)n)
COUNTED(void, swift_release, (void *object), (object), releases, 1)
COUNTED(void, swift_release_n, (void *object, uint32_t n), (object, n), releases, n)
COUNTED(void, swift_bridgeObjectRelease, (void *object), (object), releases, 1)
COUNTED(void, swift_bridgeObjectRelease_n, (void *object, int n), (object, n), releases, (uint64_t)n)
COUNTED(void *, swift_slowAlloc, (size_t size, size_t mask), (size, mask), allocations, 1)
COUNTED(void *, malloc, (size_t size), (size), allocations, 1)
COUNTED(void *, calloc, (size_t count, size_t size), (count, size), allocations, 1)
COUNTED(void *, realloc, (void *block, size_t size), (block, size), allocations, 1)
COUNTED(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size), allocations, 1)
COUNTED(int, posix_memalign, (void **block, size_t alignment, size_t size), (block, alignment, size), allocations, 1)
#endif
