// SPDX-License-Identifier: Apache-2.0
// Counts every abort of a section, whatever caused it: its abort handler, which is one branch, goes by a few
// instructions that add one and then go where it went. They leave registers and flags as they were.
#include "sections.h"

enum { words = 12, to = 9, address = 10 };

uint64_t abort_counts[rungs][verbs];

__asm__(
    ".pushsection .text.abort_counters, \"ax\", @progbits\n"
    ".balign 8\n"
    "abort_counters:\n"
    ".rept 20\n\t"
    "stp x16, x17, [sp, #-16]!\n\t"
    "str x15, [sp, #-16]!\n\t"
    "ldr x16, 2f\n"
    "1:\n\t"
    "ldxr x17, [x16]\n\t"
    "add x17, x17, #1\n\t"
    "stxr w15, x17, [x16]\n\t"
    "cbnz w15, 1b\n\t"
    "ldr x15, [sp], #16\n\t"
    "ldp x16, x17, [sp], #16\n\t"
    "nop\n"  // the branch
    "2:\n\t"
    ".quad 0\n"
    ".endr\n"
    ".popsection\n");
extern uint32_t abort_counters[rungs * verbs][words] __attribute__((visibility("hidden")));

void count_aborts(int rung) {
  make_writable((uint64_t)abort_counters, (uint64_t)abort_counters + sizeof abort_counters);
  for (int verb = 0; verb < verbs; verb++) {
    uint32_t *counter = abort_counters[rung * verbs + verb];
    uint64_t handler = all_rungs[rung].sections[verb].descriptor->abort, count = (uint64_t)&abort_counts[rung][verb];
    abort_counts[rung][verb] = 0;
    write_code((uint64_t)&counter[address], (uint32_t)count);
    write_code((uint64_t)&counter[address + 1], (uint32_t)(count >> 32));
    write_jump((uint64_t)&counter[to], jump_target(handler));
    write_jump(handler, (uint64_t)counter);
  }
}
