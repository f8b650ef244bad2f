// SPDX-License-Identifier: Apache-2.0
// Every instruction of a section is interrupted once: there is a breakpoint on it, whose signal aborts the section, and whose handler
// does with the same words what another thread might. An interrupted section must have done nothing; one that is interrupted just
// before it begins or just after its commit must have done its work before or after the handler's.
#include "sections.h"

#include <string.h>

static const uint32_t breakpoint = 0xd4200000;
enum {
  zone = 5,
  strip = zone | ANAX_ZONE_STRIP,
  stack = ANAX_WORD_PAGE_STACK,
  row = ANAX_WORD_RUN_ROW,
  tries = 50,
  limit = 64,
  nodes = 16,
};

// All that sections change. Every CPU has this block, and its node the start of it.
static struct state {
  uint64_t block[ANAX_ZONES_MAX];
  uint64_t items[8][2];
} now;

static struct rung *rung;
static enum verb verb;
static bool disturbed;

static uint64_t word(int item, uint64_t room) { return (uint64_t)now.items[item] << 16 | room; }

static void prepare(void) {
  memset(&now, 0, sizeof now);
  now.block[zone] = word(0, 5);
  now.items[0][0] = word(1, 6);
  now.items[1][0] = word(2, 7);
  now.items[2][0] = 8;
  now.block[strip] = (uint64_t)now.items[4] << 16 | 4;
  now.block[stack] = 3 << 16 | 4;
  for (int i = 0; i < 3; i++) now.block[stack + 2 + i] = 101 + (uint64_t)i;
  now.block[row] = 1;
  now.block[row + 2] = 201;
  if (verb == verb_put) now.block[zone] = 8;
  if (verb == verb_stack_open) now.block[stack] = 0;
}

// What the interrupted section does. 0: it says that it did nothing.
static uint64_t act(void) {
  uint64_t taken;
  switch (verb) {
    case verb_pop: return (uint64_t)rung->pop(zone);
    case verb_advance: return (uint64_t)rung->advance(strip, (16ull << 16) - 1);
    case verb_push:
      if (rung->push(zone, now.items[6])) return 1;
      now.items[6][0] = 0;  // nobody else's
      return 0;
    case verb_take: return rung->take(zone, 9, &taken) ? taken : 0;
    case verb_put: return rung->put(zone, word(6, 4));
    case verb_add: return rung->add(zone, 3);
    case verb_stack_open: return rung->stack_open(stack);
    case verb_stack_pop: return rung->stack_pop(stack);
    case verb_stack_push:
      if (rung->stack_push(stack, 301, 8)) return 1;
      if (now.block[stack] == (3 << 16 | 4)) now.block[stack + 5] = 0;  // above the top
      return 0;
    case verb_replace: return rung->replace(row, 2, 201, 301);
    default: abort();
  }
}

// What comes between, if anything does, until it is done, since that too may be preempted. A list and a stack have the first item they had, but not the
// second.
#define DONE(something) for (int left = tries; left > 0 && !(something); left--) continue
static void interfere(void) {
  if (!disturbed) return;
  switch (verb) {
    case verb_pop:
      DONE(rung->pop(zone));
      DONE(rung->pop(zone));
      DONE(rung->push(zone, now.items[0]));
      break;
    case verb_stack_pop:
      DONE(rung->stack_pop(stack));
      DONE(rung->stack_pop(stack));
      DONE(rung->stack_push(stack, 103, 8));
      break;
    case verb_advance: DONE(rung->advance(strip, (16ull << 16) - 1)); break;
    case verb_push:
    case verb_take: DONE(rung->push(zone, now.items[7])); break;
    case verb_put: DONE(rung->put(zone, word(7, 4)) || now.block[zone] != 8); break;
    case verb_add: DONE(rung->add(zone, 11)); break;
    case verb_stack_open: DONE(rung->stack_open(stack) || now.block[stack]); break;
    case verb_stack_push: DONE(rung->stack_push(stack, 302, 8)); break;
    case verb_replace: DONE(rung->replace(row, 2, 201, 302) || now.block[row + 2] != 201); break;
    default: abort();
  }
}

static struct {
  uint64_t address, found;
  uint32_t instruction;
  int hits;
} trap;

static void on_trap(int number, siginfo_t *info, void *context) {
  (void)number, (void)info;
  write_code(trap.address, trap.instruction);
  trap.hits++;
  trap.found = interrupted_at(context);
  interfere();
}

struct outcome {
  uint64_t result;
  struct state state;
};

static bool same(const struct outcome *one, uint64_t result) {
  return one->result == result && memcmp(&one->state, &now, sizeof now) == 0;
}

// What the section and its interference come to, undisturbed, in either order; `first` is the section.
static bool expect(struct outcome *outcome, bool section, bool first) {
  for (int i = 0; i < tries; i++) {
    prepare();
    if (!first) interfere();
    outcome->result = section ? act() : 0;
    if (first) interfere();
    outcome->state = now;
    if (!section || outcome->result) return true;
    // Where the other was first, this one may find nothing to do; else it was preempted.
    if (!first && i == tries - 1) return true;
  }
  return false;
}

// Whether the section, once it says that it was done, has done something.
static bool works(void) {
  static struct state before;
  for (int i = 0; i < tries; i++) {
    prepare();
    before = now;
    if (act()) return memcmp(&before, &now, sizeof now) != 0;
  }
  return false;
}

static int complain(bool quiet, uint64_t address, const char *what) {
  const struct section *section = &rung->sections[verb];
  if (!quiet)
    printf("sections: failed: %s %s, interrupted at instruction %ld of %lu: %s\n", rung->name, section->name,
           (long)(address - section->descriptor->start) / 4, section->descriptor->length / 4, what);
  return -1;
}

// Returns how many instructions there are, or -1.
static int step(bool quiet) {
  // Where the section is by its code, whatever its descriptor says: from behind the store into rseq_cs to its last store by a list's
  // number.
  struct section *section = &rung->sections[verb];
  uint64_t start = section->function, end;
  while ((code_at(start - 4) & 0xfffffc00) != 0xf9000400) start += 4;  // str x, [x, #8]
  for (end = start; (code_at(end - 4) & 0xffe0fc00) != 0xf8207800;) end += 4;  // str x, [x, x, lsl #3]
  struct outcome alone, behind, ahead;
  int count = (int)(end - start) / 4;
  if (!works() || !expect(&alone, false, false) || !expect(&behind, true, false) || !expect(&ahead, true, true))
    count = complain(quiet, start, "it does nothing at all");
  for (uint64_t address = start - 4; address <= end && count > 0; address += 4) {
    bool inside = address >= start && address < end, hit = false;
    for (int i = 0; i < tries && !hit && count > 0; i++) {
      prepare();
      trap.address = address;
      trap.instruction = code_at(address);
      trap.hits = 0;
      write_code(address, breakpoint);
      uint64_t result = act();
      write_code(address, trap.instruction);
      // Preempted before it came to the breakpoint.
      if (trap.hits == 0) continue;
      if (inside) {
        hit = true;
        if (trap.found != section->descriptor->abort) count = complain(quiet, address, "the kernel did not abort it");
        else if (result) count = complain(quiet, address, "it says that it was done, and was aborted");
        else if (!same(&alone, 0)) count = complain(quiet, address, "it was aborted, and changed something");
      } else {
        if (trap.found != address) count = complain(quiet, address, "the kernel aborted it outside of its range");
        hit = same(address < start ? &behind : &ahead, result);
        // Preempted behind the breakpoint.
        if (!hit && (address >= end || !same(&alone, result))) count = complain(quiet, address, "its work is not whole");
      }
    }
    if (!hit && count > 0) count = complain(quiet, address, "it never came there");
  }
  return count;
}

int step_through(struct rung *the_rung, enum verb the_verb, bool quiet) {
  rung = the_rung;
  verb = the_verb;
  anax_state()->cpu_limit = limit;
  anax_state()->node_count = nodes;
  for (int i = 0; i < limit * nodes; i++) rung->allocate_table[i] = rung->release_table[i] = (uint64_t)now.block;
  struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &action, NULL);
  disturbed = false;
  if (step(quiet) < 0) return -1;
  disturbed = true;
  return step(quiet);
}
