// SPDX-License-Identifier: Apache-2.0
// The next allocator behind this one in the process (the C library's, as a rule), for pointers that are not ours: only where
// the tunable vm.heap.foreign allows it. Looked up at each call; that is rare. The one place of the engine that may wait for a
// lock: dlsym takes the loader's. So with that tunable a foreign pointer must not be freed in a signal handler.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "anax_attributes.h"

extern void *_Nullable dlsym(void *_Nullable handle, const char *_Nonnull name) __attribute__((weak));

// RTLD_NEXT is only declared for _GNU_SOURCE.
ANAX_INLINE void *_Nullable anax_next(const char *_Nonnull name) { return &dlsym ? dlsym((void *)-1l, name) : NULL; }

/// False: there is no next allocator.
ANAX_INLINE bool anax_foreign_free(uint64_t block) {
  void (*next)(void *) = (void (*)(void *))anax_next("free");
  if (!next) return false;
  next((void *)block);
  return true;
}

ANAX_INLINE bool anax_foreign_reallocate(uint64_t block, long size, void *_Nullable *_Nonnull result) {
  void *(*next)(void *, size_t) = (void *(*)(void *, size_t))anax_next("realloc");
  if (!next) return false;
  *result = next((void *)block, (size_t)size);
  return true;
}

ANAX_INLINE long anax_foreign_usable_size(uint64_t block) {
  size_t (*next)(void *) = (size_t (*)(void *))anax_next("malloc_usable_size");
  return next ? (long)next((void *)block) : 0;
}
