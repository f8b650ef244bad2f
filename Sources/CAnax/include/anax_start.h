// SPDX-License-Identifier: Apache-2.0
// What the process tells us before main: the auxiliary vector read without a lock or an allocation.
#pragma once
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <stdlib.h>
#include <unistd.h>
#include "anax_attributes.h"
#include "anax_kernel.h"

ANAX_INLINE uint64_t anax_page_bytes(void) { return getauxval(AT_PAGESZ); }
ANAX_INLINE int64_t anax_rseq_feature_bytes(void) { return (int64_t)getauxval(27); }

/// SIGABRT, as the C library raises it; a handler of the program's runs first.
ANAX_ENGINE static inline _Noreturn void anax_abort(void) { abort(); }

/// Bytes of main memory; 1 GiB where the kernel does not say.
ANAX_INLINE uint64_t anax_memory_bytes(void) {
  struct sysinfo info;
  if (anax_system_call(SYS_sysinfo, (long)&info, 0, 0, 0, 0, 0) != 0) return 1ull << 30;
  return (uint64_t)info.totalram * info.mem_unit;
}
#define ANAX_RLIMIT_AS 9

extern int sched_getcpu(void);
/// The CPU this thread runs on, as the C library tells it without a system call where it can; negative where it cannot.
ANAX_INLINE int anax_current_cpu(void) {
  int saved = errno;
  int cpu = sched_getcpu();
  errno = saved;
  return cpu;
}
