// SPDX-License-Identifier: Apache-2.0
// Every restartable section as a function of its own, for Scripts/check-aarch64 to look at and Tests/Sections to interrupt.
#include "CAnax.h"

#define KEEP __attribute__((noinline, used, visibility("default")))
#define EACH(rung)                                                                                            \
  KEEP void *section_##rung##_pop(uint64_t list) { return anax_##rung##_pop(list); }                          \
  KEEP void *section_##rung##_advance(uint64_t list, uint64_t step) { return anax_##rung##_advance(list, step); } \
  KEEP bool section_##rung##_push(uint64_t list, void *item) { return anax_##rung##_push(list, item); }       \
  KEEP bool section_##rung##_take(uint64_t list, uint64_t room, uint64_t *word) {                             \
    return anax_##rung##_take(list, room, word);                                                              \
  }                                                                                                           \
  KEEP bool section_##rung##_put(uint64_t list, uint64_t word) { return anax_##rung##_put(list, word); }      \
  KEEP bool section_##rung##_add(uint64_t list, uint64_t amount) { return anax_##rung##_add(list, amount); }        \
  KEEP bool section_##rung##_stack_open(uint64_t stack) { return anax_##rung##_stack_open(stack); }           \
  KEEP uint64_t section_##rung##_stack_pop(uint64_t stack) { return anax_##rung##_stack_pop(stack); }         \
  KEEP bool section_##rung##_stack_push(uint64_t stack, uint64_t entry, uint64_t room) {                      \
    return anax_##rung##_stack_push(stack, entry, room);                                                      \
  }                                                                                                           \
  KEEP bool section_##rung##_replace(uint64_t row, uint64_t slot, uint64_t old, uint64_t entry) {             \
    return anax_##rung##_replace(row, slot, old, entry);                                                      \
  }
EACH(cache)
EACH(concurrency)
