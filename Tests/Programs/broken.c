// SPDX-License-Identifier: Apache-2.0
//
// Deliberately broken allocators, one a FAULT, with which the driver's `--self-test` shows that it can fail:
//   OVERLAP   every 64th block overlaps the one before it
//   DIRTY     calloc does not clear
//   ABSENT    replaces nothing
//   SOUND     no fault: the control, with which everything must pass
// A bump allocator that frees nothing; each block has its size in the 16 bytes before it.

#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define OVERLAP 1
#define DIRTY 2
#define ABSENT 3
#define SOUND 4

#if FAULT == ABSENT
int replaces_nothing;
#else

static const size_t capacity = (size_t)1 << 36;
static _Atomic(uintptr_t) base;
static _Atomic(uintptr_t) next;

static void *take(size_t alignment, size_t size) {
  if (size > ((size_t)1 << 35)) { errno = ENOMEM; return NULL; }
  if (!atomic_load(&base)) {
    void *fresh = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uintptr_t none = 0;
    if (fresh == MAP_FAILED) { errno = ENOMEM; return NULL; }
    if (!atomic_compare_exchange_strong(&base, &none, (uintptr_t)fresh)) munmap(fresh, capacity);
  }
  if (alignment < 16) alignment = 16;
  size_t footprint = (size + 16 + alignment + 15) & ~(size_t)15;
  uintptr_t start = atomic_load(&base) + atomic_fetch_add(&next, footprint);
  if (start + footprint > atomic_load(&base) + capacity) { errno = ENOMEM; return NULL; }
  uintptr_t block = (start + 16 + alignment - 1) & ~(uintptr_t)(alignment - 1);
#if FAULT == OVERLAP
  static _Atomic(unsigned) count;
  static _Atomic(uintptr_t) last;
  uintptr_t previous = atomic_load(&last);
  if (atomic_fetch_add(&count, 1) % 64 == 63 && previous && alignment == 16 && ((size_t *)previous)[-1] >= size)
    return (void *)previous;
  atomic_store(&last, block);
#endif
  ((size_t *)block)[-1] = size;
  return (void *)block;
}

void *malloc(size_t size) {
  void *block = take(16, size);
#if FAULT == DIRTY
  if (block) memset(block, 0x5a, size);
#endif
  return block;
}
void free(void *block) { (void)block; }
void *calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) { errno = ENOMEM; return NULL; }
  void *block = malloc(total);
#if FAULT != DIRTY
  if (block) memset(block, 0, total);
#endif
  return block;
}
size_t malloc_usable_size(void *block) { return block ? ((size_t *)block)[-1] : 0; }
void *realloc(void *block, size_t size) {
  void *fresh = malloc(size);
  if (fresh && block) memcpy(fresh, block, malloc_usable_size(block) < size ? malloc_usable_size(block) : size);
  return fresh;
}
void *aligned_alloc(size_t alignment, size_t size) { return take(alignment, size); }
void *memalign(size_t alignment, size_t size) { return take(alignment, size); }
void *valloc(size_t size) { return take(4096, size); }
void *pvalloc(size_t size) { return take(4096, (size + 4095) & ~(size_t)4095); }
int posix_memalign(void **result, size_t alignment, size_t size) {
  void *block = take(alignment, size);
  if (!block) return ENOMEM;
  *result = block;
  return 0;
}
#endif
