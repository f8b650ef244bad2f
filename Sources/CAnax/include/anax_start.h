// SPDX-License-Identifier: Apache-2.0
// What the process tells us before main: the auxiliary vector read without a lock or an allocation.
#pragma once
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <stdlib.h>
#include <unistd.h>
#include "anax_attributes.h"
#include "anax_kernel.h"

ANAX_INLINE uint64_t anax_page_bytes(void) { return getauxval(AT_PAGESZ); }
ANAX_INLINE int64_t anax_rseq_feature_bytes(void) { return (int64_t)getauxval(27); }

/// SIGABRT, as the C library raises it; a handler of the program's runs first.
ANAX_ENGINE static inline _Noreturn void anax_abort(void) { abort(); }

#define ANAX_RLIMIT_AS 9

extern int sched_getcpu(void);
/// The CPU this thread runs on, as the C library tells it without a system call where it can; negative where it cannot.
ANAX_INLINE int anax_current_cpu(void) {
  int saved = errno;
  int cpu = sched_getcpu();
  errno = saved;
  return cpu;
}
