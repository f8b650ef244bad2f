// SPDX-License-Identifier: Apache-2.0
// The trampolines: the malloc family by its standard names, each a jump into Swift. Argument checks that only the C face has
// are here. In a sanitizer's build this file is empty: the sanitizer's own allocator must see every call.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define ANAX_STAND_ASIDE 1
#endif
#endif

#ifndef ANAX_STAND_ASIDE
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

void *anax_malloc(ptrdiff_t size);
void anax_free(void *block);
void *anax_calloc(ptrdiff_t count, ptrdiff_t size);
void *anax_realloc(void *block, ptrdiff_t size);
void *anax_aligned(ptrdiff_t alignment, ptrdiff_t size);
ptrdiff_t anax_usable_size(void *block);

#define EXPORT __attribute__((visibility("default")))

EXPORT void *malloc(size_t size) { return anax_malloc((ptrdiff_t)size); }
EXPORT void free(void *block) { anax_free(block); }
EXPORT void *calloc(size_t count, size_t size) { return anax_calloc((ptrdiff_t)count, (ptrdiff_t)size); }
EXPORT void *realloc(void *block, size_t size) { return anax_realloc(block, (ptrdiff_t)size); }
EXPORT size_t malloc_usable_size(void *block) { return (size_t)anax_usable_size(block); }
EXPORT void cfree(void *block) { anax_free(block); }
EXPORT void free_sized(void *block, size_t size) {
  (void)size;
  anax_free(block);
}
EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size) {
  (void)alignment;
  (void)size;
  anax_free(block);
}

static int power_of_two(size_t value) { return value != 0 && (value & (value - 1)) == 0; }

EXPORT void *reallocarray(void *block, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return anax_realloc(block, (ptrdiff_t)bytes);
}

EXPORT int posix_memalign(void **result, size_t alignment, size_t size) {
  if (!power_of_two(alignment) || alignment % sizeof(void *) != 0) return EINVAL;
  int saved = errno;
  void *block = alignment <= 16 ? anax_malloc((ptrdiff_t)size) : anax_aligned((ptrdiff_t)alignment, (ptrdiff_t)size);
  if (!block) {
    errno = saved;
    return ENOMEM;
  }
  *result = block;
  return 0;
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
  if (!power_of_two(alignment)) {
    errno = EINVAL;
    return NULL;
  }
  return anax_aligned((ptrdiff_t)alignment, (ptrdiff_t)size);
}

// Alignments that are no power of two are rounded up, as the GNU C library does.
EXPORT void *memalign(size_t alignment, size_t size) {
  if (alignment > SIZE_MAX / 2 + 1) {
    errno = EINVAL;
    return NULL;
  }
  size_t rounded = 16;
  while (rounded < alignment) rounded <<= 1;
  return anax_aligned((ptrdiff_t)rounded, (ptrdiff_t)size);
}

EXPORT void *valloc(size_t size) { return anax_aligned(getpagesize(), (ptrdiff_t)size); }

EXPORT void *pvalloc(size_t size) {
  size_t page = (size_t)getpagesize();
  size_t bytes;
  if (__builtin_add_overflow(size, page - 1, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return anax_aligned((ptrdiff_t)page, (ptrdiff_t)(bytes & ~(page - 1)));
}

ptrdiff_t anax_purge(void);

// `pad` is the C library's top pad; there is no top here. 1 when memory was returned.
EXPORT int malloc_trim(size_t pad) {
  (void)pad;
  return anax_purge() > 0;
}
#endif
