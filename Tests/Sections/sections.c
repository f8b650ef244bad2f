// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "sections.h"

#include <sched.h>
#include <sys/mman.h>

// Bytes of a section's function, at most.
enum { longest = 256 };

#define DECLARE(rung)                                                                 \
  void *section_##rung##_pop(uint64_t list);                                          \
  void *section_##rung##_advance(uint64_t list, uint64_t step);                       \
  bool section_##rung##_push(uint64_t list, void *item);                              \
  bool section_##rung##_take(uint64_t list, uint64_t room, uint64_t *word);           \
  bool section_##rung##_put(uint64_t list, uint64_t word);                            \
  bool section_##rung##_add(uint64_t list, uint64_t amount);                          \
  bool section_##rung##_stack_open(uint64_t stack);                                   \
  uint64_t section_##rung##_stack_pop(uint64_t stack);                                \
  bool section_##rung##_stack_push(uint64_t stack, uint64_t entry, uint64_t room);    \
  bool section_##rung##_replace(uint64_t row, uint64_t slot, uint64_t old, uint64_t entry);
DECLARE(cache)
DECLARE(concurrency)

#define X(verb) .verb = SECTION(verb),
#define SECTION(verb) section_cache_##verb
struct rung all_rungs[rungs] = {
  {.name = "cache", .allocate_table = anax_allocate_blocks, .release_table = anax_release_blocks, EACH_VERB(X)},
#undef SECTION
#define SECTION(verb) section_concurrency_##verb
  {.name = "concurrency", .allocate_table = anax_concurrency_allocate_blocks,
   .release_table = anax_concurrency_release_blocks, EACH_VERB(X)},
#undef SECTION
#undef X
};

// The linker's.
extern struct descriptor __start___rseq_cs[], __stop___rseq_cs[];

// A function's only descriptor is the first that starts behind its own start.
static void find(struct section *section, const char *name, uint64_t function) {
  *section = (struct section){.name = name, .function = function};
  for (struct descriptor *each = __start___rseq_cs; each < __stop___rseq_cs; each++)
    if (each->start > function && (!section->descriptor || each->start < section->descriptor->start))
      section->descriptor = each;
  if (!section->descriptor || section->descriptor->start > function + longest) {
    printf("sections: failed: no descriptor of %s\n", name);
    exit(1);
  }
}

void make_writable(uint64_t first, uint64_t end) {
  uint64_t page = anax_page_bytes();
  first &= -page;
  end = (end + page - 1) & -page;
  if (mprotect((void *)first, end - first, PROT_READ | PROT_WRITE | PROT_EXEC) == 0) return;
  perror("sections: failed: code cannot be written");
  exit(1);
}

void find_sections(void) {
  uint64_t first = UINT64_MAX, last = 0;
  for (int i = 0; i < rungs; i++) {
    struct rung *rung = &all_rungs[i];
#define X(verb) find(&rung->sections[verb_##verb], #verb, (uint64_t)rung->verb);
    EACH_VERB(X)
#undef X
    for (int verb = 0; verb < verbs; verb++) {
      uint64_t places[] = {rung->sections[verb].function, rung->sections[verb].descriptor->abort - 4};
      for (int j = 0; j < 2; j++) {
        if (places[j] < first) first = places[j];
        if (places[j] > last) last = places[j];
      }
    }
  }
  make_writable(first, last + longest);
  if (anax_rseq_bytes() == 0) {
    printf("sections: failed: the C library has no area\n");
    exit(1);
  }
  anax_state()->rseq_offset = anax_rseq_area_offset();
}

bool rung_is_there(int rung) { return rung == rung_cache || anax_rseq_live_bytes() >= 28; }

bool stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

void write_code(uint64_t address, uint32_t instruction) {
  *(volatile uint32_t *)address = instruction;
  __builtin___clear_cache((char *)address, (char *)address + 4);
}

void write_jump(uint64_t from, uint64_t to) { write_code(from, 0x14000000 | (((to - from) >> 2) & 0x3ffffff)); }

uint64_t jump_target(uint64_t from) { return from + (uint64_t)((int64_t)((uint64_t)code_at(from) << 38) >> 36); }
