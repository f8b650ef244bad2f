// SPDX-License-Identifier: Apache-2.0
//
// What Swift cannot say for the benchmark: calls of the malloc family that the optimiser must not see through, atomics
// on plain words, the cycle counter, and a traced start of a program. `static inline` only; no storage.
//
// Every allocation call is the program's ordinary call through its procedure linkage table, with an empty asm on either
// side: the compiler may not pair, merge or drop it. The cost is the same for every allocator.

#ifndef ANAX_BENCH_H
#define ANAX_BENCH_H

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

extern long syscall(long number, ...);
extern size_t malloc_usable_size(void *block);
extern void *numa_alloc_local(size_t size);
extern void numa_free(void *start, size_t size);
extern int posix_memalign(void **block, size_t alignment, size_t size);

static inline void *_Nullable bench_opaque(void *_Nullable block) {
  __asm__ volatile("" : "+r"(block) : : "memory");
  return block;
}

static inline void *_Nonnull bench_malloc(size_t size) {
  __asm__ volatile("" : "+r"(size));
  void *block = bench_opaque(malloc(size));
  if (__builtin_expect(block == NULL, 0)) abort();
  return block;
}

static inline void *_Nonnull bench_calloc(size_t count, size_t size) {
  __asm__ volatile("" : "+r"(count), "+r"(size));
  void *block = bench_opaque(calloc(count, size));
  if (__builtin_expect(block == NULL, 0)) abort();
  return block;
}

static inline void *_Nonnull bench_realloc(void *_Nullable block, size_t size) {
  __asm__ volatile("" : "+r"(size));
  void *moved = bench_opaque(realloc(bench_opaque(block), size));
  if (__builtin_expect(moved == NULL, 0)) abort();
  return moved;
}

static inline void *_Nonnull bench_memalign(size_t alignment, size_t size) {
  void *block = NULL;
  __asm__ volatile("" : "+r"(size), "+r"(alignment));
  if (__builtin_expect(posix_memalign(&block, alignment, size) != 0, 0)) abort();
  return bench_opaque(block);
}

static inline void bench_free(void *_Nullable block) { free(bench_opaque(block)); }

static inline size_t bench_usable(void *_Nonnull block) {
  size_t size = malloc_usable_size(bench_opaque(block));
  __asm__ volatile("" : "+r"(size));
  return size;
}

/// Only for programs that link libnuma.
static inline void *_Nullable bench_numa_alloc(size_t size) { return numa_alloc_local(size); }
static inline void bench_numa_free(void *_Nonnull start, size_t size) { numa_free(start, size); }

static inline uint64_t bench_load(const uint64_t *_Nonnull word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void bench_store(uint64_t *_Nonnull word, uint64_t value) {
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
static inline uint64_t bench_add(uint64_t *_Nonnull word, uint64_t value) {
  return __atomic_fetch_add(word, value, __ATOMIC_ACQ_REL);
}
static inline uint64_t bench_swap(uint64_t *_Nonnull word, uint64_t value) {
  return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
}
static inline _Bool bench_replace(uint64_t *_Nonnull word, uint64_t expected, uint64_t value) {
  return __atomic_compare_exchange_n(word, &expected, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline void bench_pause(void) {
#if defined(__x86_64__)
  __asm__ volatile("pause");
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

/// The CPUs that this thread may run on, a bit each, in at most `words` words; the bytes written, or -1 with errno.
static inline long bench_allowed(unsigned long *_Nonnull mask, size_t words) {
  return syscall(SYS_sched_getaffinity, 0, words * sizeof(unsigned long), mask);
}
/// How many they are; those that are online where the kernel does not say.
static inline long bench_processors(void) {
  unsigned long mask[128];
  long bytes = bench_allowed(mask, sizeof(mask) / sizeof(mask[0]));
  long count = 0;
  for (size_t index = 0; bytes > 0 && index < (size_t)bytes / sizeof(mask[0]); index++) {
    count += __builtin_popcountl(mask[index]);
  }
  return count > 0 ? count : sysconf(_SC_NPROCESSORS_ONLN);
}
/// The kernel's clock ticks a second, as /proc/stat counts.
static inline long bench_clock_ticks(void) { return sysconf(_SC_CLK_TCK); }
static inline long bench_page_size(void) { return sysconf(_SC_PAGESIZE); }

/// Makes each line of the standard output go out when it is written, also into a pipe. Before the first of them.
static inline void bench_write_lines(void) { setvbuf(stdout, NULL, _IOLBF, 0); }

/// Nanoseconds of the monotonic clock.
static inline uint64_t bench_now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

/// The cycle counter in its own unit, ordered against the work on both sides.
static inline uint64_t bench_ticks(void) {
#if defined(__x86_64__)
  uint32_t low, high;
  __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
#elif defined(__aarch64__)
  uint64_t value;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(value) : : "memory");
  return value;
#else
  return bench_now();
#endif
}

/// Starts a program that stops at its exec, so that its memory can be read when it is about to exit. -1 with errno.
static inline pid_t bench_spawn_traced(
    const char *_Nonnull path, char *_Nullable const *_Nonnull arguments, char *_Nullable const *_Nonnull environment,
    int output) {
  pid_t child = fork();
  if (child == 0) {
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0 || setpgid(0, 0) != 0) _exit(126);
    if (dup2(output, 1) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(126);
    execve(path, arguments, environment);
    _exit(127);
  }
  return child;
}

/// Asks for a stop when the traced child exits. 0, or -1 with errno.
static inline int bench_trace_exit(pid_t child) {
  return (int)ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(intptr_t)PTRACE_O_TRACEEXIT);
}

/// `signal`: what the child gets, 0 for none.
static inline int bench_trace_continue(pid_t child, int signal) {
  return (int)ptrace(PTRACE_CONT, child, NULL, (void *)(intptr_t)signal);
}

/// A process that only burns processor time, and dies with the thread that called. -1 with errno.
static inline pid_t bench_spawn_hog(void) {
  pid_t parent = getpid();
  pid_t child = fork();
  if (child != 0) return child;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(1);
  for (;;) __asm__ volatile("");
}

#endif
