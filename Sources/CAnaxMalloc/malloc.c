// SPDX-License-Identifier: Apache-2.0
// The trampolines of malloc and free by their standard names, each a jump into Swift. Sizes are the C library's: 0 gives a block
// of its own, more than PTRDIFF_MAX gives NULL and ENOMEM, realloc of a block to 0 frees it and returns NULL.
#include "face.h"

#ifndef ANAX_STAND_ASIDE
#include <errno.h>

// Where the linker can give the Swift functions these names itself (Scripts/build-malloc), the jump is saved too.
#ifndef ANAX_LINKER_ALIASES
ANAX_EXPORT void *malloc(size_t size) { return anax_malloc((ptrdiff_t)size); }
ANAX_EXPORT void free(void *block) { anax_free(block); }
ANAX_EXPORT void *calloc(size_t count, size_t size) { return anax_calloc((ptrdiff_t)count, (ptrdiff_t)size); }
ANAX_EXPORT void *realloc(void *block, size_t size) { return anax_realloc(block, (ptrdiff_t)size); }
ANAX_EXPORT size_t malloc_usable_size(void *block) { return (size_t)anax_usable_size(block); }

// The C library keeps cfree for programs linked before 2.26.
ANAX_EXPORT void cfree(void *block) { anax_free(block); }

// C23. The size and the alignment are what was asked for; the block's zone is known without them.
ANAX_EXPORT void free_sized(void *block, size_t size) {
  (void)size;
  anax_free(block);
}
ANAX_EXPORT void free_aligned_sized(void *block, size_t alignment, size_t size) {
  (void)alignment;
  (void)size;
  anax_free(block);
}
#endif

ANAX_EXPORT void *reallocarray(void *block, size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  return anax_realloc(block, (ptrdiff_t)bytes);
}
#endif
