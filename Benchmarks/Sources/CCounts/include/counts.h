// SPDX-License-Identifier: Apache-2.0
//
// What the calling thread asked of the Swift runtime and of malloc, counted where this program's own objects call them (Anax and all
// other modules that are linked in; not the shared libraries among themselves). The linker's --wrap, which the package description
// asks for, leads those calls here. Without it the counts stay zero, and `counts_work` tells.
#ifndef CCOUNTS_H
#define CCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct counts {
  uint64_t objects;
  uint64_t retains;
  uint64_t releases;
  uint64_t allocations;
};

struct counts counts_now(void);

// Whether the calls come here: tried with one.
bool counts_work(void);

// What the address is of is taken as used and changed.
static inline void counts_keep(const void *address) { __asm__ volatile("" : : "r"(address) : "memory"); }

#endif
