// SPDX-License-Identifier: Apache-2.0
// Bare system calls: no errno, no cancellation point, no PLT. Only Machine's Kernel.swift makes them; errno, clearing and copying
// at the end are anybody's.
// A result in -4095...-1 is a negated errno.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "anax_attributes.h"

typedef long (*anax_fake_kernel)(long number, long a, long b, long c, long d, long e, long f);

ANAX_INLINE long anax_system_call(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
#error "Anax supports x86-64 and aarch64"
#endif
}

ANAX_INLINE long anax_call_fake(
    anax_fake_kernel _Nonnull fake, long number, long a, long b, long c, long d, long e, long f) {
  return fake(number, a, b, c, d, e, f);
}

// What Swift cannot import because the macro is not a plain literal, or libc's header is too old to have it.
enum {
  anax_sys_mmap = SYS_mmap,
  anax_sys_munmap = SYS_munmap,
  anax_sys_mprotect = SYS_mprotect,
  anax_sys_madvise = SYS_madvise,
  anax_sys_mincore = SYS_mincore,
  anax_sys_mremap = SYS_mremap,
  anax_sys_msync = SYS_msync,
  anax_sys_mbind = SYS_mbind,
  anax_sys_get_mempolicy = SYS_get_mempolicy,
  anax_sys_set_mempolicy = SYS_set_mempolicy,
  anax_sys_move_pages = SYS_move_pages,
  anax_sys_mlock = SYS_mlock,
  anax_sys_munlock = SYS_munlock,
  anax_sys_membarrier = SYS_membarrier,
  anax_sys_getcpu = SYS_getcpu,
  anax_sys_openat = SYS_openat,
  anax_sys_read = SYS_read,
  anax_sys_write = SYS_write,
  anax_sys_close = SYS_close,
  anax_sys_prlimit64 = SYS_prlimit64,
  anax_sys_sysinfo = SYS_sysinfo,
  anax_sys_sched_getaffinity = SYS_sched_getaffinity,
  anax_sys_sched_setaffinity = SYS_sched_setaffinity,
  anax_sys_sched_yield = SYS_sched_yield,
  anax_sys_futex = SYS_futex,
  anax_sys_getpid = SYS_getpid,
  anax_sys_gettid = SYS_gettid,
  anax_sys_tgkill = SYS_tgkill,
};

#define ANAX_MREMAP_MAYMOVE 1
#define ANAX_MREMAP_FIXED 2
#define ANAX_MREMAP_DONTUNMAP 4

/// The C library's errno of the calling thread. Never read on a path that succeeds.
ANAX_INLINE void anax_set_errno(int value) { errno = value; }

ANAX_INLINE void anax_clear(void *_Nonnull at, long bytes) { memset(at, 0, (size_t)bytes); }
ANAX_INLINE void anax_copy(void *_Nonnull to, const void *_Nonnull from, long bytes) {
  memcpy(to, from, (size_t)bytes);
}
