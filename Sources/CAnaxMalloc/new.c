// SPDX-License-Identifier: Apache-2.0
// operator new and operator delete in all their forms, by their mangled names. No C++ library is needed: where one is in the
// process, its new-handler is asked and its std::bad_alloc thrown; where none is, a failing throwing form stops the process.
// These frames carry unwind tables, so that an exception passes through. The nothrow forms, when there is a new-handler, go
// through the C++ library's own, which call the throwing form here and turn an exception into NULL.
#include "face.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*new_handler)(void);
extern new_handler _ZSt15get_new_handlerv(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/// The C++ library may have been loaded after this one, or for a plug-in alone.
static void *in_cplusplus(const char *name) {
  void *library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
  void *found = library ? dlsym(library, name) : NULL;
  if (library) dlclose(library);
  return found;
}

static new_handler current_handler(void) {
  new_handler (*get)(void) = _ZSt15get_new_handlerv;
  if (!get) get = (new_handler (*)(void))in_cplusplus("_ZSt15get_new_handlerv");
  return get ? get() : NULL;
}

static _Noreturn void throw_bad_alloc(void) {
  void (*throw)(void) = _ZSt17__throw_bad_allocv;
  if (!throw) throw = (void (*)(void))in_cplusplus("_ZSt17__throw_bad_allocv");
  if (throw) throw();
  static const char message[] = "anax: operator new has no memory, and there is no C++ library to throw std::bad_alloc\n";
  if (write(2, message, sizeof message - 1) < 0) abort();
  abort();
}

static void *retry(ptrdiff_t alignment, ptrdiff_t size) {
  for (;;) {
    new_handler handler = current_handler();
    if (!handler) throw_bad_alloc();
    handler();
    void *block = anax_aligned(alignment, size);
    if (block) return block;
  }
}

void *anax_new_slow(ptrdiff_t size) {
  void *block = anax_malloc(size);
  return __builtin_expect(block != NULL, 1) ? block : retry(16, size);
}

#ifndef ANAX_STAND_ASIDE
static void *nothrow(size_t size, const void *tag) {
  void *block = anax_malloc((ptrdiff_t)size);
  if (__builtin_expect(block != NULL, 1) || !current_handler()) return block;
  void *(*theirs)(size_t, const void *) = (void *(*)(size_t, const void *))in_cplusplus("_ZnwmRKSt9nothrow_t");
  return theirs ? theirs(size, tag) : NULL;
}

static void *aligned(size_t size, size_t alignment) {
  if (!power_of_two(alignment)) throw_bad_alloc();
  void *block = anax_aligned((ptrdiff_t)alignment, (ptrdiff_t)size);
  return __builtin_expect(block != NULL, 1) ? block : retry((ptrdiff_t)alignment, (ptrdiff_t)size);
}

static void *aligned_nothrow(size_t size, size_t alignment, const void *tag) {
  if (!power_of_two(alignment)) return NULL;
  void *block = anax_aligned((ptrdiff_t)alignment, (ptrdiff_t)size);
  if (__builtin_expect(block != NULL, 1) || !current_handler()) return block;
  void *(*theirs)(size_t, size_t, const void *) =
      (void *(*)(size_t, size_t, const void *))in_cplusplus("_ZnwmSt11align_val_tRKSt9nothrow_t");
  return theirs ? theirs(size, alignment, tag) : NULL;
}

#define NAMED(symbol) __asm__(symbol)

// new(size), new[](size)
ANAX_EXPORT void *anax_op_new(size_t size) NAMED("_Znwm");
void *anax_op_new(size_t size) { return anax_new((ptrdiff_t)size); }
ANAX_EXPORT void *anax_op_new_array(size_t size) NAMED("_Znam");
void *anax_op_new_array(size_t size) { return anax_new((ptrdiff_t)size); }

// The same with std::nothrow_t
ANAX_EXPORT void *anax_op_new_nothrow(size_t size, const void *tag) NAMED("_ZnwmRKSt9nothrow_t");
void *anax_op_new_nothrow(size_t size, const void *tag) { return nothrow(size, tag); }
ANAX_EXPORT void *anax_op_new_array_nothrow(size_t size, const void *tag) NAMED("_ZnamRKSt9nothrow_t");
void *anax_op_new_array_nothrow(size_t size, const void *tag) { return nothrow(size, tag); }

// With std::align_val_t
ANAX_EXPORT void *anax_op_new_aligned(size_t size, size_t alignment) NAMED("_ZnwmSt11align_val_t");
void *anax_op_new_aligned(size_t size, size_t alignment) { return aligned(size, alignment); }
ANAX_EXPORT void *anax_op_new_array_aligned(size_t size, size_t alignment) NAMED("_ZnamSt11align_val_t");
void *anax_op_new_array_aligned(size_t size, size_t alignment) { return aligned(size, alignment); }
ANAX_EXPORT void *anax_op_new_aligned_nothrow(size_t size, size_t alignment, const void *tag)
    NAMED("_ZnwmSt11align_val_tRKSt9nothrow_t");
void *anax_op_new_aligned_nothrow(size_t size, size_t alignment, const void *tag) {
  return aligned_nothrow(size, alignment, tag);
}
ANAX_EXPORT void *anax_op_new_array_aligned_nothrow(size_t size, size_t alignment, const void *tag)
    NAMED("_ZnamSt11align_val_tRKSt9nothrow_t");
void *anax_op_new_array_aligned_nothrow(size_t size, size_t alignment, const void *tag) {
  return aligned_nothrow(size, alignment, tag);
}

#ifndef ANAX_LINKER_ALIASES
// Every delete is free: size, alignment and tag tell nothing that the block's address does not.
#define DELETE(name, symbol, ...)                  \
  ANAX_EXPORT void name(__VA_ARGS__) NAMED(symbol); \
  void name(__VA_ARGS__) { anax_free(block); }
#pragma clang diagnostic ignored "-Wunused-parameter"
DELETE(anax_op_delete, "_ZdlPv", void *block)
DELETE(anax_op_delete_array, "_ZdaPv", void *block)
DELETE(anax_op_delete_nothrow, "_ZdlPvRKSt9nothrow_t", void *block, const void *tag)
DELETE(anax_op_delete_array_nothrow, "_ZdaPvRKSt9nothrow_t", void *block, const void *tag)
DELETE(anax_op_delete_sized, "_ZdlPvm", void *block, size_t size)
DELETE(anax_op_delete_array_sized, "_ZdaPvm", void *block, size_t size)
DELETE(anax_op_delete_aligned, "_ZdlPvSt11align_val_t", void *block, size_t alignment)
DELETE(anax_op_delete_array_aligned, "_ZdaPvSt11align_val_t", void *block, size_t alignment)
DELETE(anax_op_delete_aligned_nothrow, "_ZdlPvSt11align_val_tRKSt9nothrow_t", void *block, size_t alignment, const void *tag)
DELETE(anax_op_delete_array_aligned_nothrow, "_ZdaPvSt11align_val_tRKSt9nothrow_t", void *block, size_t alignment,
       const void *tag)
DELETE(anax_op_delete_sized_aligned, "_ZdlPvmSt11align_val_t", void *block, size_t size, size_t alignment)
DELETE(anax_op_delete_array_sized_aligned, "_ZdaPvmSt11align_val_t", void *block, size_t size, size_t alignment)
#endif
#endif
