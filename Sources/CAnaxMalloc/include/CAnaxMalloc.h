// SPDX-License-Identifier: Apache-2.0
// What a program may call besides the standard names, and what the two halves of the C face (the trampolines in C, the
// functions in Swift) promise each other. Linking this target replaces malloc; nothing needs to be included for that.
#pragma once
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include "anax_attributes.h"
#include "anax_engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Prints to standard error: rung and reason, what resident memory is made of, per node and per zone. Allocates nothing and
/// waits for nothing; the figures of a process that goes on meanwhile are close, not exact. Any thread, any signal handler.
void anax_stats_print(void);

/// The per-CPU mechanism that this process uses: 'A', 'B' or 'D'; 0 where the engine could not start. Any thread, any signal
/// handler.
int anax_rung(void);

/// Starts the helper thread of this process where it has none: for the child of a fork, or where vm.helper says 0. Returns 0,
/// or the error number of pthread_create. Not from a signal handler.
int anax_helper_start(void);

/// Sums over all nodes and zones, in bytes where not said otherwise.
struct anax_summary {
  uint64_t claimed;       // pages in use by slabs and large blocks
  uint64_t large;         // of these, large blocks
  uint64_t large_blocks;  // count
  uint64_t used;          // items that the program has
  uint64_t slots_free;    // slots of slabs that are free
  uint64_t free_count;    // their number
  uint64_t cached;        // items in CPU caches
  uint64_t depot;         // items in depots
  uint64_t dirty;         // free pages not yet returned to the kernel
};
void anax_summary_read(struct anax_summary *_Nonnull summary);

// Swift's half of the trampolines.
void *_Nullable anax_malloc(ptrdiff_t size);
void anax_free(void *_Nullable block);
void *_Nullable anax_calloc(ptrdiff_t count, ptrdiff_t size);
void *_Nullable anax_realloc(void *_Nullable block, ptrdiff_t size);
void *_Nullable anax_aligned(ptrdiff_t alignment, ptrdiff_t size);
void *_Nonnull anax_new(ptrdiff_t size);
int anax_posix_memalign(void *_Nullable *_Nonnull result, size_t alignment, size_t size);
ptrdiff_t anax_usable_size(void *_Nullable block);
void anax_helper_main(void);
int anax_helper_wanted(int linked);
/// The main thread ended by itself; the process goes on.
void anax_helper_gone(void);
/// In the child of a fork: there is no helper.
void anax_helper_forgotten(void);
int anax_stats_wanted(void);
/// 1 where the tunable took the value, 0 where it refused it.
int anax_keep_floor_set(int64_t bytes);

// C's half.
/// operator new where it is not a plain hit. Without memory, the new-handler is called until it helps, or std::bad_alloc thrown.
ANAX_ENGINE void *_Nonnull anax_new_next(ptrdiff_t size);
ANAX_ENGINE void *_Nonnull anax_new_slow(ptrdiff_t size);
/// posix_memalign where it is not a plain hit.
ANAX_ENGINE int anax_posix_memalign_next(void *_Nullable *_Nonnull result, size_t alignment, size_t size);
ANAX_ENGINE int anax_posix_memalign_slow(void *_Nullable *_Nonnull result, size_t alignment, size_t size);

#ifdef __cplusplus
}
#endif
