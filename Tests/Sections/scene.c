// SPDX-License-Identifier: Apache-2.0
#include "scene.h"

#include <string.h>

enum {
  scene_cpus = 64,
  scene_nodes = 16,
};

struct scene scene;

static uint64_t word(int item, uint64_t room) { return (uint64_t)scene.now.items[item] << 16 | room; }

void prepare(void) {
  memset(&scene.now, 0, sizeof scene.now);
  scene.now.block[zone] = word(0, 5);
  scene.now.items[0][0] = word(1, 6);
  scene.now.items[1][0] = word(2, 7);
  scene.now.items[2][0] = 8;
  scene.now.block[strip] = (uint64_t)scene.now.items[4] << 16 | 4;
  scene.now.block[stack] = 3 << 16 | 4;
  for (int i = 0; i < 3; i++) scene.now.block[stack + 2 + i] = 101 + (uint64_t)i;
  scene.now.block[row] = 1;
  scene.now.block[row + 2] = 201;
  if (scene.verb == verb_put) scene.now.block[zone] = 8;
  if (scene.verb == verb_stack_open) scene.now.block[stack] = 0;
}

uint64_t act(void) {
  uint64_t taken;
  switch (scene.verb) {
    case verb_pop: return (uint64_t)scene.rung->pop(zone);
    case verb_advance: return (uint64_t)scene.rung->advance(strip, (16ull << 16) - 1);
    case verb_push:
      if (scene.rung->push(zone, scene.now.items[6])) return 1;
      scene.now.items[6][0] = 0;  // nobody else's
      return 0;
    case verb_take: return scene.rung->take(zone, 9, &taken) ? taken : 0;
    case verb_put: return scene.rung->put(zone, word(6, 4));
    case verb_add: return scene.rung->add(zone, 3);
    case verb_stack_open: return scene.rung->stack_open(stack);
    case verb_stack_pop: return scene.rung->stack_pop(stack);
    case verb_stack_push:
      if (scene.rung->stack_push(stack, 301, 8)) return 1;
      if (scene.now.block[stack] == (3 << 16 | 4)) scene.now.block[stack + 5] = 0;  // above the top
      return 0;
    case verb_replace: return scene.rung->replace(row, 2, 201, 301);
    default: abort();
  }
}

// What comes between, if anything does, until it is done, since that too may be preempted. A list and a stack have the
// first item they had, but not the second.
#define DONE(something) for (int left = tries; left > 0 && !(something); left--) continue
void interfere(void) {
  if (!scene.disturbed) return;
  switch (scene.verb) {
    case verb_pop:
      DONE(scene.rung->pop(zone));
      DONE(scene.rung->pop(zone));
      DONE(scene.rung->push(zone, scene.now.items[0]));
      break;
    case verb_stack_pop:
      DONE(scene.rung->stack_pop(stack));
      DONE(scene.rung->stack_pop(stack));
      DONE(scene.rung->stack_push(stack, 103, 8));
      break;
    case verb_advance: DONE(scene.rung->advance(strip, (16ull << 16) - 1)); break;
    case verb_push:
    case verb_take: DONE(scene.rung->push(zone, scene.now.items[7])); break;
    case verb_put: DONE(scene.rung->put(zone, word(7, 4)) || scene.now.block[zone] != 8); break;
    case verb_add: DONE(scene.rung->add(zone, 11)); break;
    case verb_stack_open: DONE(scene.rung->stack_open(stack) || scene.now.block[stack]); break;
    case verb_stack_push: DONE(scene.rung->stack_push(stack, 302, 8)); break;
    case verb_replace: DONE(scene.rung->replace(row, 2, 201, 302) || scene.now.block[row + 2] != 201); break;
    default: abort();
  }
}

void set_scene(struct rung *rung, enum verb verb, bool disturbed) {
  scene.rung = rung;
  scene.verb = verb;
  scene.disturbed = disturbed;
  anax_state()->cpu_limit = scene_cpus;
  anax_state()->node_count = scene_nodes;
  for (int i = 0; i < scene_cpus * scene_nodes; i++)
    rung->allocate_table[i] = rung->release_table[i] = (uint64_t)scene.now.block;
  // By its code, whatever its descriptor says: from behind the store into rseq_cs to its last store by a list's number.
  uint64_t at = rung->sections[verb].function;
  while ((code_at(at) & 0xfffffc00) != 0xf9000400) at += 4;  // str x, [x, #8]
  scene.start = at += 4;
  while ((code_at(at) & 0xffe0fc00) != 0xf8207800) at += 4;  // str x, [x, x, lsl #3]
  scene.end = at + 4;
}

int complain(bool quiet, uint64_t address, const char *what) {
  if (!quiet)
    printf("sections: failed: %s %s, instruction %ld of %ld: %s\n", scene.rung->name,
           scene.rung->sections[scene.verb].name, (long)(address - scene.start) / 4,
           (long)(scene.end - scene.start) / 4, what);
  return -1;
}
