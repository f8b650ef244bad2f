// SPDX-License-Identifier: Apache-2.0
// The restartable sections under test, as the functions of Tests/CShims/sections.c, and what the kernel is told of
// each. Their code and their descriptors can be written here, so that breakpoints can be set in them, and they can be
// broken on purpose.
#pragma once
#include "CAnax.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#define EACH_VERB(X) \
  X(pop) X(advance) X(push) X(take) X(put) X(add) X(stack_open) X(stack_pop) X(stack_push) X(replace)

enum verb {
#define X(verb) verb_##verb,
  EACH_VERB(X)
#undef X
  verbs
};

/// What the kernel reads (struct rseq_cs).
struct descriptor {
  uint32_t version, flags;
  uint64_t start, length, abort;
};

struct section {
  const char *name;
  uint64_t function;
  struct descriptor *descriptor;
};

struct rung {
  const char *name;
  uint64_t *allocate_table, *release_table;
  void *(*pop)(uint64_t list);
  void *(*advance)(uint64_t list, uint64_t step);
  bool (*push)(uint64_t list, void *item);
  bool (*take)(uint64_t list, uint64_t room, uint64_t *word);
  bool (*put)(uint64_t list, uint64_t word);
  bool (*add)(uint64_t list, uint64_t amount);
  bool (*stack_open)(uint64_t stack);
  uint64_t (*stack_pop)(uint64_t stack);
  bool (*stack_push)(uint64_t stack, uint64_t entry, uint64_t room);
  bool (*replace)(uint64_t row, uint64_t slot, uint64_t old, uint64_t entry);
  struct section sections[verbs];
};

/// Words of a block, and for how many CPUs there are blocks.
enum {
  zone = 5,
  strip = zone | ANAX_ZONE_STRIP,
  stack = ANAX_WORD_PAGE_STACK,
  row = ANAX_WORD_RUN_ROW,
  cpus_most = 16,
};

enum { rung_cache, rung_concurrency, rungs };
extern struct rung all_rungs[rungs];

/// Finds each section's descriptor, makes code writable, and tells the sections where the C library's area is. Ends the
/// process where there is none.
void find_sections(void);
/// Whether the kernel tells threads what the rung needs.
bool rung_is_there(int rung);

/// Keeps this thread on one CPU.
bool stay_on(int cpu);

/// Writes an instruction, which is what this CPU and others fetch next.
void write_code(uint64_t address, uint32_t instruction);
void write_jump(uint64_t from, uint64_t to);
/// Where the branch there goes.
uint64_t jump_target(uint64_t from);
/// Makes this code writable. Ends the process where it cannot be.
void make_writable(uint64_t first, uint64_t end);
static inline uint32_t code_at(uint64_t address) { return *(volatile uint32_t *)address; }
static inline uint64_t section_end(const struct section *section) {
  return section->descriptor->start + section->descriptor->length;
}

/// Where a signal found the thread.
static inline uint64_t interrupted_at(void *context) { return ((ucontext_t *)context)->uc_mcontext.pc; }

/// The ways of breaking a section (breaks.c).
enum way {
  way_short,      // the commit is outside of the range
  way_late,       // so is the read of the CPU's id
  way_long,       // the range has the commit behind it
  way_unarmed,    // the kernel is not told
  way_success,    // an abort reports that it was done
  way_again,      // an abort begins again, of which the kernel is not told
  way_signature,  // the kernel does not find its signature
  way_uncommitted,
  ways
};
extern const char *const break_names[ways];
void break_section(struct section *section, enum way way);

/// Has each abort of a rung's sections counted from now on (counters.c).
extern uint64_t abort_counts[rungs][verbs];
void count_aborts(int rung);

/// Interrupts each instruction of a section (steps.c). Returns how many there are, or -1, with the reason printed
/// unless `quiet`.
int step_through(struct rung *rung, enum verb verb, bool quiet);

/// Says that this process will stop sections, which must come first. False: the kernel has no such membarrier.
bool may_stop_sections(void);
/// Stops the sections of all CPUs, unless that is left out on purpose. False: it cannot.
bool stop_sections(void);
extern bool sections_are_stopped;
/// Has each instruction of a section stopped by another CPU (stops.c). Returns as `step_through`.
int stop_each(struct rung *rung, enum verb verb, bool quiet);

/// Threads and a timer on all sections of a rung, for at least this long, and at most until each was aborted often
/// enough, or that long (stress.c). What went wrong is printed unless `quiet`. Aborts are not judged where they are not
/// counted.
enum verdict { whole, lost_or_twice, not_aborted };
enum verdict stress(int rung, double least, double most, bool quiet);
