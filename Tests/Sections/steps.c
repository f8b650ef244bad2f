// SPDX-License-Identifier: Apache-2.0
// Every instruction of a section is interrupted once: there is a breakpoint on it, whose signal aborts the section, and
// whose handler does with the same words what another thread might. An interrupted section must have done nothing; one
// that is interrupted just before it begins or just after its commit must have done its work before or after the
// handler's.
#include "scene.h"

#include <string.h>

static const uint32_t breakpoint = 0xd4200000;

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
  return one->result == result && memcmp(&one->state, &scene.now, sizeof scene.now) == 0;
}

// What the section and its interference come to, undisturbed, in either order; `first` is the section.
static bool expect(struct outcome *outcome, bool section, bool first) {
  for (int i = 0; i < tries; i++) {
    prepare();
    if (!first) interfere();
    outcome->result = section ? act() : 0;
    if (first) interfere();
    outcome->state = scene.now;
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
    before = scene.now;
    if (act()) return memcmp(&before, &scene.now, sizeof scene.now) != 0;
  }
  return false;
}

// Returns how many instructions there are, or -1.
static int step(bool quiet) {
  const struct section *section = &scene.rung->sections[scene.verb];
  uint64_t start = scene.start, end = scene.end;
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
        if (!hit && (address >= end || !same(&alone, result)))
          count = complain(quiet, address, "its work is not whole");
      }
    }
    if (!hit && count > 0) count = complain(quiet, address, "it never came there");
  }
  return count;
}

int step_through(struct rung *rung, enum verb verb, bool quiet) {
  struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &action, NULL);
  set_scene(rung, verb, false);
  if (step(quiet) < 0) return -1;
  set_scene(rung, verb, true);
  return step(quiet);
}
