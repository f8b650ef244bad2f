// SPDX-License-Identifier: Apache-2.0
// The restartable sections of anax_rseq.h for x86-64: how they begin and where they abort; their bodies are in
// anax_rseq_x86_64_sections.h, included once for each cache index. Registers are named by operand; labels: 1 start,
// 2 post-commit, 3 descriptor, 4 abort. The abort handler lies in a cold section behind the signature that the kernel demands.
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
  ".byte 0x0f, 0xb9, 0x3d\n\t"                                                                     \
  ".long 0x53053053\n"                                                                             \
  "4:\n\t"                                                                                         \
  "jmp %l[empty]\n\t"                                                                              \
  ".popsection\n\t"

#define ANAX_RSEQ_BEGIN                                                                            \
  ANAX_RSEQ_DESCRIPTOR                                                                             \
  "leaq 3b(%%rip), %[work]\n\t"                                                                    \
  "movq %[work], %%fs:8(%[area])\n"                                                                \
  "1:\n\t"                                                                                         \
  "movl %%fs:4(%[area]), %k[cpu]\n\t"                                                              \
  "cmpl %[limit], %k[cpu]\n\t"                                                                     \
  "jae %l[empty]\n\t"

// The index is read inside, so that a migration before the commit restarts, and checked against the limit.
#define ANAX_RSEQ_ENTER_BY_CPU                                                                     \
  ANAX_RSEQ_BEGIN                                                                                  \
  "movq (%[table], %[cpu], 8), %[work]\n\t"
#define ANAX_RSEQ_INPUTS_BY_CPU(which)                                                             \
  [area] "r"(anax_state_storage.rseq_offset), [limit] "m"(anax_state_storage.cpu_limit),           \
      [table] "r"(anax_##which##_blocks)

// node_id (offset 20) times the limit, plus mm_cid (offset 24). Both read 0 in a thread without an area: its CPU id tells.
#define ANAX_RSEQ_ENTER_BY_CONCURRENCY                                                             \
  ANAX_RSEQ_BEGIN                                                                                  \
  "movl %%fs:20(%[area]), %k[cpu]\n\t"                                                             \
  "cmpl %[nodes], %k[cpu]\n\t"                                                                     \
  "jae %l[empty]\n\t"                                                                              \
  "movl %%fs:24(%[area]), %k[work]\n\t"                                                            \
  "cmpl %[limit], %k[work]\n\t"                                                                    \
  "jae %l[empty]\n\t"                                                                              \
  "imulq %[limit], %[cpu]\n\t"                                                                     \
  "addq %[work], %[cpu]\n\t"                                                                       \
  "movq (%[table], %[cpu], 8), %[work]\n\t"
#define ANAX_RSEQ_INPUTS_BY_CONCURRENCY(which)                                                     \
  [area] "r"(anax_state_storage.rseq_offset), [limit] "m"(anax_state_storage.cpu_limit),           \
      [nodes] "m"(anax_state_storage.node_count), [table] "r"(anax_concurrency_##which##_blocks)

ANAX_INLINE uint32_t anax_rseq_read_cpu(int64_t area) {
  uint32_t cpu;
  __asm__ volatile("movl %%fs:4(%1), %0" : "=r"(cpu) : "r"(area));
  return cpu;
}
ANAX_INLINE uint32_t anax_rseq_read_node(int64_t area) {
  uint32_t node;
  __asm__ volatile("movl %%fs:20(%1), %0" : "=r"(node) : "r"(area));
  return node;
}
ANAX_INLINE uint32_t anax_rseq_read_concurrency(int64_t area) {
  uint32_t id;
  __asm__ volatile("movl %%fs:24(%1), %0" : "=r"(id) : "r"(area));
  return id;
}

// Rung B.
#define ANAX_SECTION(verb) anax_cache_##verb
#define ANAX_RSEQ_ENTER ANAX_RSEQ_ENTER_BY_CPU
#define ANAX_RSEQ_INPUTS(which) ANAX_RSEQ_INPUTS_BY_CPU(which)
#include "anax_rseq_x86_64_sections.h"
#undef ANAX_SECTION
#undef ANAX_RSEQ_ENTER
#undef ANAX_RSEQ_INPUTS

// Rung A.
#define ANAX_SECTION(verb) anax_concurrency_##verb
#define ANAX_RSEQ_ENTER ANAX_RSEQ_ENTER_BY_CONCURRENCY
#define ANAX_RSEQ_INPUTS(which) ANAX_RSEQ_INPUTS_BY_CONCURRENCY(which)
#include "anax_rseq_x86_64_sections.h"
#undef ANAX_SECTION
#undef ANAX_RSEQ_ENTER
#undef ANAX_RSEQ_INPUTS
