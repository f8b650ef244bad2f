// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <numa.h>
#include <numaif.h>

/// Whether the process might run on the CPU when it began, which is when libnuma looked.
static inline int anax_numa_began_on(unsigned int cpu) {
  return numa_all_cpus_ptr && numa_bitmask_isbitset(numa_all_cpus_ptr, cpu);
}
