// SPDX-License-Identifier: Apache-2.0
// The family that takes an alignment. An alignment that is no power of two is EINVAL in aligned_alloc (C23) and posix_memalign,
// which also wants a multiple of a pointer's size and reports by its result: it leaves errno and, when it fails, `*result`
// alone. memalign rounds it up, as the C library does.
#include "face.h"

#include <errno.h>
#include <unistd.h>

int anax_posix_memalign_slow(void **result, size_t alignment, size_t size) {
  if (!power_of_two(alignment) || alignment % sizeof(void *) != 0) return EINVAL;
  int saved = errno;
  void *block = anax_aligned((ptrdiff_t)alignment, (ptrdiff_t)size);
  if (!block) {
    errno = saved;
    return ENOMEM;
  }
  *result = block;
  return 0;
}

#ifndef ANAX_STAND_ASIDE
ANAX_EXPORT int posix_memalign(void **result, size_t alignment, size_t size) {
  return anax_posix_memalign(result, alignment, size);
}

ANAX_EXPORT void *aligned_alloc(size_t alignment, size_t size) {
  if (!power_of_two(alignment)) {
    errno = EINVAL;
    return NULL;
  }
  return anax_aligned((ptrdiff_t)alignment, (ptrdiff_t)size);
}

ANAX_EXPORT void *memalign(size_t alignment, size_t size) {
  if (alignment > SIZE_MAX / 2 + 1) {
    errno = EINVAL;
    return NULL;
  }
  size_t rounded = 16;
  while (rounded < alignment) rounded <<= 1;
  return anax_aligned((ptrdiff_t)rounded, (ptrdiff_t)size);
}

ANAX_EXPORT void *valloc(size_t size) { return anax_aligned(getpagesize(), (ptrdiff_t)size); }

// Whole pages: all of the last one is the caller's too. 0 gives a block of its own, at a page.
ANAX_EXPORT void *pvalloc(size_t size) {
  size_t page = (size_t)getpagesize();
  size_t bytes;
  if (__builtin_add_overflow(size, page - 1, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return anax_aligned((ptrdiff_t)page, (ptrdiff_t)(bytes & ~(page - 1)));
}
#endif
