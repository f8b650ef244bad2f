// SPDX-License-Identifier: Apache-2.0
// The blocks that sections work on, one a CPU (and node, on the rung by concurrency), and where in them things lie; and
// what somebody does who stops the sections of all CPUs to have a block to himself.
#pragma once
#include "ledger.h"

enum {
  user_zone = ANAX_HEAP_ZONES + 5,
  flag = user_zone,
  counter = user_zone | ANAX_ZONE_REQUESTS,
  nodes = 2,
  blocks_most = cpus_most * nodes,
  list_room = 8,
  stack_room = 16,
};

struct item {
  uint64_t link, unused[7];
};
extern struct item items[things_most];
extern uint64_t blocks[blocks_most][nodes * ANAX_ZONES_MAX];

/// All that one thread, or one handler, has.
struct hands {
  struct hand items, entries, runs;
  uint64_t chain, chain_part;  // a list that was taken whole; 0: none
  uint64_t added, opened;
  uint64_t done[verbs], undone[verbs];
};

/// The first word of a node's part in a block.
static inline uint64_t part_start(uint64_t part) { return part * ANAX_ZONES_MAX; }
static inline uint64_t list_word(uint64_t item, uint64_t room) { return (uint64_t)&items[item] << 16 | room; }
/// The number of an item by its address; things_most where that is none's.
static inline uint64_t item_number(uint64_t address) {
  uint64_t offset = address - (uint64_t)items;
  return offset % sizeof(struct item) == 0 && offset < sizeof items ? offset / sizeof(struct item) : things_most;
}

void prepare_blocks(struct rung *rung, uint64_t cpu_limit);
void prepare_hands(struct hands *hands);

/// Something at random, with sections.
void do_something(struct hands *hands, uint64_t *random);
/// What only who stops all sections may do, with one block's stack, row, or all of it.
void close_something(struct hands *hands, uint64_t *random);
/// Claims what lies in all blocks, when no thread runs. False where something was lost, is there twice, or does not add
/// up.
bool settle(struct hands *hands, int count, bool quiet);

static inline uint64_t next(uint64_t *random) {
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  return *random;
}
