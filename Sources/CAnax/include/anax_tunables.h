// SPDX-License-Identifier: Apache-2.0
//
// Where the tunables' values live, and the C face to set and read them. The table itself (names, units, defaults,
// ranges) is Swift: Sources/Machine/Tunables.swift. A value is one 64-bit word, read and written whole; the words
// are zero until the table's start fills in the defaults.
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/auxv.h>
#include "anax_attributes.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Sets a tunable by name while the process runs. Returns 0, ENOENT (no such name), ERANGE (outside its range; the
/// value stays as it was) or EPERM (it is read at start only). errno is left alone. Safe in threads and in signal
/// handlers.
int anax_tunable_set(const char *name, int64_t value) ANAX_ENGINE;

/// Reads a tunable by name into `*value`. Returns 0 or ENOENT. errno is left alone. Safe in threads and in signal
/// handlers.
int anax_tunable_get(const char *name, int64_t *value) ANAX_ENGINE;

enum {
  ANAX_TUNABLE_CAPACITY = 31,
  ANAX_TUNABLE_UNKNOWN = ENOENT,
  ANAX_TUNABLE_OUT_OF_RANGE = ERANGE,
  ANAX_TUNABLE_ONLY_AT_START = EPERM,
};

struct anax_tunable_values {
  int64_t started;
  uint64_t value[ANAX_TUNABLE_CAPACITY];  // shifted so that 0, which the storage begins with, is INT64_MIN: not set yet
  uint64_t chosen;  // a bit for each that the program has set, whatever to
};

extern struct anax_tunable_values anax_tunable_values;

ANAX_INLINE uint64_t anax_tunable_kept(int64_t value) { return (uint64_t)value - (uint64_t)INT64_MIN; }

ANAX_INLINE int64_t anax_tunable_load(uint32_t index) {
  return (int64_t)(__atomic_load_n(&anax_tunable_values.value[index], __ATOMIC_RELAXED) + (uint64_t)INT64_MIN);
}

ANAX_INLINE void anax_tunable_store(uint32_t index, int64_t value) {
  __atomic_store_n(&anax_tunable_values.value[index], anax_tunable_kept(value), __ATOMIC_RELAXED);
}

/// The start's value, unless the tunable has one already.
ANAX_INLINE void anax_tunable_begin(uint32_t index, int64_t value) {
  uint64_t unset = 0;
  __atomic_compare_exchange_n(&anax_tunable_values.value[index], &unset, anax_tunable_kept(value), false,
                              __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

ANAX_INLINE void anax_tunable_choose(uint32_t index) {
  __atomic_fetch_or(&anax_tunable_values.chosen, (uint64_t)1 << index, __ATOMIC_RELAXED);
}

ANAX_INLINE bool anax_tunable_is_chosen(uint32_t index) {
  return __atomic_load_n(&anax_tunable_values.chosen, __ATOMIC_RELAXED) >> index & 1;
}

ANAX_INLINE int64_t anax_tunables_started(void) {
  return __atomic_load_n(&anax_tunable_values.started, __ATOMIC_ACQUIRE);
}

ANAX_INLINE void anax_tunables_mark_started(int64_t started) {
  __atomic_store_n(&anax_tunable_values.started, started, __ATOMIC_RELEASE);
}

// The C library's own variables: `environ` is set by its constructor, and ld.so may call malloc before that; then the
// environment is found where the kernel put it, above the arguments on the first thread's stack.
extern char **environ;
extern void *__libc_stack_end __attribute__((weak));

/// The process's environment, or NULL in a program that runs with more rights than its caller (AT_SECURE), whose
/// environment must not steer it.
ANAX_INLINE const char *const *anax_tunable_environment(void) {
  if (getauxval(AT_SECURE)) return NULL;
  if (environ) return (const char *const *)environ;
  if (!&__libc_stack_end || !__libc_stack_end) return NULL;
  const intptr_t *stack = (const intptr_t *)__libc_stack_end;
  return (const char *const *)(stack + 1 + stack[0] + 1);
}

#ifdef __cplusplus
}
#endif
