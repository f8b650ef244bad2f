// SPDX-License-Identifier: Apache-2.0
// One section at work on one block, and what another may do with the same words meanwhile.
#pragma once
#include "sections.h"

enum { tries = 200 };

struct scene {
  struct rung *rung;
  enum verb verb;
  bool disturbed;       // another does something
  uint64_t start, end;  // the section's code
  // All that sections change. Every CPU has this block, and its node the start of it; of which no word behind is used.
  struct state {
    uint64_t block[512];
    uint64_t items[8][2];
  } now;
};
extern struct scene scene;

void set_scene(struct rung *rung, enum verb verb, bool disturbed);
/// Lays out what the section will find.
void prepare(void);
/// What the section does. 0: it says that it did nothing.
uint64_t act(void);
/// What the other does.
void interfere(void);
/// Prints what is wrong with an instruction, unless `quiet`. Returns -1.
int complain(bool quiet, uint64_t address, const char *what);
