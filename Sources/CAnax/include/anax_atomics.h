// SPDX-License-Identifier: Apache-2.0
// C atomics for Swift: one function per operation, width and memory order that the engine uses. LockFree wraps those of 64-bit
// words; fences, and the narrow words of tables, are called as they are. All are lock-free on the machines supported (64-bit).
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "anax_attributes.h"

ANAX_INLINE uint64_t anax_load_relaxed(const uint64_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
ANAX_INLINE uint64_t anax_load_acquire(const uint64_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
ANAX_INLINE void anax_store_relaxed(uint64_t *_Nonnull word, uint64_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELAXED);
}
ANAX_INLINE void anax_store_release(uint64_t *_Nonnull word, uint64_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
ANAX_INLINE uint64_t anax_exchange(uint64_t *_Nonnull word, uint64_t value) {
  return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
}
ANAX_INLINE uint64_t anax_fetch_add(uint64_t *_Nonnull word, uint64_t value) {
  return __atomic_fetch_add(word, value, __ATOMIC_RELAXED);
}
/// In one order with all other sequentially consistent ones, and with fences.
ANAX_INLINE uint64_t anax_fetch_add_sequential(uint64_t *_Nonnull word, uint64_t value) {
  return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
}
ANAX_INLINE uint64_t anax_load_sequential(const uint64_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
ANAX_INLINE uint32_t anax_load32_sequential(const uint32_t *_Nonnull word) {
  return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}
ANAX_INLINE uint64_t anax_fetch_or(uint64_t *_Nonnull word, uint64_t bits) {
  return __atomic_fetch_or(word, bits, __ATOMIC_ACQUIRE);
}
ANAX_INLINE uint64_t anax_fetch_and(uint64_t *_Nonnull word, uint64_t bits) {
  return __atomic_fetch_and(word, bits, __ATOMIC_RELEASE);
}
/// Acquire and release on success; on failure `*expected` holds what was read (acquire).
ANAX_INLINE bool anax_compare_exchange(uint64_t *_Nonnull word, uint64_t *_Nonnull expected, uint64_t desired) {
  return __atomic_compare_exchange_n(word, expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
ANAX_INLINE uint32_t anax_load32_relaxed(const uint32_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
ANAX_INLINE uint32_t anax_load32_acquire(const uint32_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
ANAX_INLINE void anax_store32_relaxed(uint32_t *_Nonnull word, uint32_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELAXED);
}
ANAX_INLINE uint8_t anax_load8_relaxed(const uint8_t *_Nonnull byte) { return __atomic_load_n(byte, __ATOMIC_RELAXED); }
ANAX_INLINE uint8_t anax_exchange8(uint8_t *_Nonnull byte, uint8_t value) {
  return __atomic_exchange_n(byte, value, __ATOMIC_ACQ_REL);
}
ANAX_INLINE uint16_t anax_load16_acquire(const uint16_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
ANAX_INLINE uint16_t anax_load16_relaxed(const uint16_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }

/// The same as a register's whole width. The compiler widens an atomic load by an instruction of its own, and on the way from a
/// pointer to its list that instruction is a cycle of every free.
ANAX_INLINE uint64_t anax_load16_wide(const uint16_t *_Nonnull word) {
#if defined(__x86_64__)
  uint64_t value;
  __asm__ volatile("movzwl %1, %k0" : "=r"(value) : "m"(*word));
  return value;
#else
  return anax_load16_relaxed(word);
#endif
}
ANAX_INLINE void anax_store16_release(uint16_t *_Nonnull word, uint16_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
ANAX_INLINE bool anax_compare_exchange32(uint32_t *_Nonnull word, uint32_t expected, uint32_t desired) {
  return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}
/// What was there before.
ANAX_INLINE uint32_t anax_fetch_add32_release(uint32_t *_Nonnull word, uint32_t value) {
  return __atomic_fetch_add(word, value, __ATOMIC_RELEASE);
}
/// What was stored before is seen before what is stored after it.
ANAX_INLINE void anax_fence_release(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
ANAX_INLINE void anax_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

ANAX_INLINE void anax_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("isb" ::: "memory");
#endif
}

/// Cycles of a constant-rate counter; 10 to 30 ns. Not serialising: for decay and statistics only.
ANAX_INLINE uint64_t anax_ticks(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  uint64_t value;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#endif
}

/// How many of them a millisecond has: on aarch64 the architecture says; on x86-64 it is not known before main and taken to be
/// 2^21, half to twice the truth on processors of 1 to 4 GHz. Never 0.
ANAX_INLINE uint64_t anax_ticks_per_millisecond(void) {
#if defined(__x86_64__)
  return 1 << 21;
#else
  uint64_t frequency;
  __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
  return frequency < 1000 ? 1 : frequency / 1000;
#endif
}
