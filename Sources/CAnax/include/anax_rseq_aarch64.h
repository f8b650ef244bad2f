// SPDX-License-Identifier: Apache-2.0
// The restartable sections of anax_rseq.h for aarch64: how they begin and where they abort; their bodies are in
// anax_rseq_aarch64_sections.h, included once for each cache index. Registers are named by operand; labels: 1 start,
// 2 post-commit, 3 descriptor, 4 abort. The abort handler lies in a cold section behind the signature that the kernel demands.
// Plain loads and stores only: the kernel orders what a CPU's threads see of each other, membarrier what a reclaimer sees, and
// the address read from the table orders what is read through it.
#pragma once

#define ANAX_RSEQ_DESCRIPTOR                                                                       \
  ".pushsection __rseq_cs, \"aw\", @progbits\n\t"                                                  \
  ".balign 32\n"                                                                                   \
  "3:\n\t"                                                                                         \
  ".long 0, 0\n\t"                                                                                 \
  ".quad 1f, 2f - 1f, 4f\n\t"                                                                      \
  ".popsection\n\t"                                                                                \
  ".pushsection __rseq_cs_ptr_array, \"aw\", @progbits\n\t"                                        \
  ".quad 3b\n\t"                                                                                   \
  ".popsection\n\t"

#define ANAX_RSEQ_ABORT                                                                            \
  ".pushsection .text.unlikely, \"ax\", @progbits\n\t"                                             \
  ".inst 0xd428bc00\n"                                                                             \
  "4:\n\t"                                                                                         \
  "b %l[empty]\n\t"                                                                                \
  ".popsection\n\t"

#define ANAX_RSEQ_BEGIN                                                                            \
  ANAX_RSEQ_DESCRIPTOR                                                                             \
  "adrp %[work], 3b\n\t"                                                                           \
  "add %[work], %[work], :lo12:3b\n\t"                                                             \
  "str %[work], [%[area], #8]\n"                                                                   \
  "1:\n\t"                                                                                         \
  "ldr %w[cpu], [%[area], #4]\n\t"                                                                 \
  "cmp %w[cpu], %w[limit]\n\t"                                                                     \
  "b.hs %l[empty]\n\t"

// The index is read inside, so that a migration before the commit restarts, and checked against the limit.
#define ANAX_RSEQ_ENTER_BY_CPU                                                                     \
  ANAX_RSEQ_BEGIN                                                                                  \
  "ldr %[work], [%[table], %[cpu], lsl #3]\n\t"
#define ANAX_RSEQ_INPUTS_BY_CPU(which)                                                             \
  [area] "r"(anax_rseq_area(anax_state_storage.rseq_offset)),                                      \
      [limit] "r"(anax_state_storage.cpu_limit), [table] "r"(anax_##which##_blocks)

// node_id (offset 20) times the limit, plus mm_cid (offset 24). Both read 0 in a thread without an area: its CPU id tells.
#define ANAX_RSEQ_ENTER_BY_CONCURRENCY                                                             \
  ANAX_RSEQ_BEGIN                                                                                  \
  "ldp %w[cpu], %w[work], [%[area], #20]\n\t"                                                    \
  "cmp %w[cpu], %w[nodes]\n\t"                                                                     \
  "b.hs %l[empty]\n\t"                                                                             \
  "cmp %w[work], %w[limit]\n\t"                                                                    \
  "b.hs %l[empty]\n\t"                                                                             \
  "madd %[cpu], %[cpu], %[limit], %[work]\n\t"                                                     \
  "ldr %[work], [%[table], %[cpu], lsl #3]\n\t"
#define ANAX_RSEQ_INPUTS_BY_CONCURRENCY(which)                                                     \
  [area] "r"(anax_rseq_area(anax_state_storage.rseq_offset)),                                      \
      [limit] "r"(anax_state_storage.cpu_limit), [nodes] "r"(anax_state_storage.node_count),       \
      [table] "r"(anax_concurrency_##which##_blocks)

ANAX_INLINE char *_Nonnull anax_rseq_area(int64_t offset) {
  char *thread;
  __asm__("mrs %0, tpidr_el0" : "=r"(thread));
  return thread + offset;
}
ANAX_INLINE uint32_t anax_rseq_read_cpu(int64_t area) {
  return *(const volatile uint32_t *)(anax_rseq_area(area) + 4);
}
ANAX_INLINE uint32_t anax_rseq_read_node(int64_t area) {
  return *(const volatile uint32_t *)(anax_rseq_area(area) + 20);
}
ANAX_INLINE uint32_t anax_rseq_read_concurrency(int64_t area) {
  return *(const volatile uint32_t *)(anax_rseq_area(area) + 24);
}

// Rung B.
#define ANAX_SECTION(verb) anax_cache_##verb
#define ANAX_RSEQ_ENTER ANAX_RSEQ_ENTER_BY_CPU
#define ANAX_RSEQ_INPUTS(which) ANAX_RSEQ_INPUTS_BY_CPU(which)
#include "anax_rseq_aarch64_sections.h"
#undef ANAX_SECTION
#undef ANAX_RSEQ_ENTER
#undef ANAX_RSEQ_INPUTS

// Rung A.
#define ANAX_SECTION(verb) anax_concurrency_##verb
#define ANAX_RSEQ_ENTER ANAX_RSEQ_ENTER_BY_CONCURRENCY
#define ANAX_RSEQ_INPUTS(which) ANAX_RSEQ_INPUTS_BY_CONCURRENCY(which)
#include "anax_rseq_aarch64_sections.h"
#undef ANAX_SECTION
#undef ANAX_RSEQ_ENTER
#undef ANAX_RSEQ_INPUTS
