// SPDX-License-Identifier: Apache-2.0
#include "blocks.h"

#include <string.h>

struct ledger ledger;
struct item items[things_most];
uint64_t blocks[blocks_most][nodes * ANAX_ZONES_MAX];

static struct rung *rung;
static uint64_t block_count, cpu_limit;
// Not memory: items of strips are only counted.
static const uint64_t strip_start = 1ull << 32, stride = 16, strip_items = 16;

void prepare_blocks(struct rung *the_rung, uint64_t the_cpu_limit) {
  rung = the_rung;
  cpu_limit = the_cpu_limit;
  block_count = rung == &all_rungs[rung_cache] ? cpu_limit : cpu_limit * nodes;
  memset(&ledger, 0, sizeof ledger);
  memset(blocks, 0, sizeof blocks);
  ledger.items = (struct kind){.name = "items", .count = things_most};
  ledger.entries = (struct kind){.name = "entries of stacks", .count = things_most};
  ledger.runs = (struct kind){.name = "entries of rows", .count = things_most};
  anax_state()->cpu_limit = cpu_limit;
  anax_state()->node_count = nodes;
  for (uint64_t i = 0; i < block_count; i++) {
    for (uint64_t part = 0; part < nodes; part++) blocks[i][part_start(part) + zone] = list_room;
    rung->release_table[i] = (uint64_t)blocks[i];
    // Which node a CPU is on is not looked up: that some take where others never put is well.
    rung->allocate_table[i] = (uint64_t)(blocks[i] + part_start(i % nodes));
  }
}

void prepare_hands(struct hands *hands) {
  hands->items.kind = &ledger.items;
  hands->entries.kind = &ledger.entries;
  hands->runs.kind = &ledger.runs;
}

// Counts how a section ended, and says it.
static inline uint64_t counted(struct hands *hands, enum verb verb, uint64_t result) {
  (*(result ? &hands->done : &hands->undone))[verb]++;
  return result;
}
#define DO(verb, ...) counted(hands, verb_##verb, (uint64_t)rung->verb(__VA_ARGS__))

// Claims, or lets go, each item of a chain. A chain that has gone wrong may be a ring.
static void walk(uint64_t word, bool owned) {
  for (int i = 0; word >> 16 && i < list_room; i++) {
    uint64_t item = item_number(word >> 16);
    if (item >= things_most) return wrong();
    // Once let go it is anybody's, but for that this chain is put nowhere yet.
    word = items[item].link;
    if (!owned) let_go(&ledger.items, item);
    else if (!claim(&ledger.items, item)) return;
  }
}

// An item stays with its node: its number is even or odd. So do entries.
static void keep_chain(struct hands *hands, uint64_t word) {
  for (int i = 0; word >> 16 && i < list_room; i++) {
    uint64_t item = item_number(word >> 16);
    if (item >= things_most) return wrong();
    word = items[item].link;
    keep(&hands->items, item);
  }
}

static void push_item(struct hands *hands) {
  if (hands->items.count == 0) return;
  uint64_t item = hands->items.things[hands->items.count - 1];
  let_go(&ledger.items, item);
  if (DO(push, part_start(item % nodes) + zone, &items[item])) hands->items.count--;
  else if (!claim(&ledger.items, item)) hands->items.count--;
}

static void take_list(struct hands *hands, uint64_t part) {
  uint64_t word;
  if (!DO(take, part_start(part) + zone, list_room, &word) || word >> 16 == 0) return;
  if (hands->chain) return keep_chain(hands, word);
  walk(word, true);
  hands->chain = word;
  hands->chain_part = part;
}

static void put_list(struct hands *hands) {
  if (!hands->chain) return;
  uint64_t word = hands->chain;
  walk(word, false);
  if (DO(put, part_start(hands->chain_part) + zone, word)) hands->chain = 0;
  else walk(word, true);
}

static void give_strip(uint64_t address, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    uint64_t number = (address - strip_start) / stride + i;
    if (number >= strips_most || __atomic_exchange_n(&ledger.given[number], 1, __ATOMIC_RELAXED)) return wrong();
  }
}

static void advance_strip(struct hands *hands, uint64_t part) {
  uint64_t address = DO(advance, strip, (stride << 16) - 1), word;
  if (address) return give_strip(address, 1);
  // Another strip, where this one is at its end or was never there.
  if (!DO(take, part_start(part) + strip, 0, &word)) return;
  give_strip(word >> 16, word & 0xff);
  uint64_t first = __atomic_fetch_add(&ledger.strips, strip_items, __ATOMIC_RELAXED);
  if (first + strip_items > strips_most) {
    __atomic_fetch_sub(&ledger.strips, strip_items, __ATOMIC_RELAXED);
    return;
  }
  uint64_t start = strip_start + first * stride;
  if (!DO(put, part_start(part) + strip, start << 16 | strip_items)) give_strip(start, strip_items);
}

static void push_entry(struct hands *hands) {
  if (hands->entries.count == 0) return;
  uint64_t entry = hands->entries.things[hands->entries.count - 1];
  let_go(&ledger.entries, entry);
  if (DO(stack_push, part_start(entry % nodes) + stack, entry + 1, stack_room)) hands->entries.count--;
  else if (!claim(&ledger.entries, entry)) hands->entries.count--;
}

static void put_run(struct hands *hands, uint64_t slot) {
  if (hands->runs.count == 0) return;
  uint64_t run = hands->runs.things[hands->runs.count - 1];
  let_go(&ledger.runs, run);
  if (DO(replace, part_start(run % nodes) + row, slot, 0, run + 1)) hands->runs.count--;
  else if (!claim(&ledger.runs, run)) hands->runs.count--;
}

// Looks into the block that is this CPU's at that moment.
static void take_run(struct hands *hands, uint64_t part, uint64_t slot) {
  int64_t area = anax_state()->rseq_offset;
  uint64_t index = anax_rseq_read_cpu(area);
  if (rung != &all_rungs[rung_cache])
    index = anax_rseq_read_node(area) * cpu_limit + anax_rseq_read_concurrency(area);
  if (index >= block_count) return;
  uint64_t run = anax_load_relaxed(&blocks[index][part_start(part) + row + slot]);
  if (run && DO(replace, part_start(part) + row, slot, run, 0)) keep(&hands->runs, run - 1);
}

void do_something(struct hands *hands, uint64_t *random) {
  uint64_t choice = next(random), part = choice >> 8 & 1, slot = 1 + (choice >> 9) % ANAX_RUN_ROW_SLOTS, got, amount;
  switch (choice % 19) {
    case 0:
    case 1:
      if ((got = DO(pop, zone))) keep(&hands->items, item_number(got));
      break;
    case 2:
    case 3: push_item(hands); break;
    case 4: take_list(hands, part); break;
    case 5: put_list(hands); break;
    case 6:
    case 7: advance_strip(hands, part); break;
    case 8:
      amount = 1 + slot;
      if (DO(add, part_start(part) + counter, amount)) hands->added += amount;
      break;
    case 9:
    case 10:
      if ((got = DO(stack_pop, stack))) keep(&hands->entries, got - 1);
      break;
    case 11:
    case 12: push_entry(hands); break;
    case 13: DO(stack_open, part ? stack : row); break;
    case 14: put_run(hands, slot); break;
    case 15: take_run(hands, part, slot); break;
    case 16:
    case 17: hands->opened += DO(stack_open, flag); break;
    // A flag is opened by one, and closed by one.
    case 18:
      if (DO(take, part_start(part) + flag, 0, &got)) hands->opened -= got;
      break;
  }
}

// What lies in a part of a block whose sections are stopped.
static void empty_stack(struct hands *hands, uint64_t *part) {
  uint64_t entries = part[stack] & 0xffff;
  for (uint64_t i = 1; i < entries && i <= stack_room; i++) keep(&hands->entries, part[stack + 1 + i] - 1);
}
static void empty_row(struct hands *hands, uint64_t *part) {
  for (int slot = 1; slot <= ANAX_RUN_ROW_SLOTS; slot++) {
    if (part[row + slot]) keep(&hands->runs, part[row + slot] - 1);
    part[row + slot] = 0;
  }
}
static void empty_lists(struct hands *hands, uint64_t *part) {
  keep_chain(hands, part[zone]);
  part[zone] = list_room;
  give_strip(part[strip] >> 16, part[strip] & 0xff);
  part[strip] = 0;
}

void close_something(struct hands *hands, uint64_t *random) {
  uint64_t choice = next(random), index = (choice >> 8) % block_count;
  uint64_t *part = blocks[index] + part_start(choice >> 32 & 1);
  switch (choice % 4) {
    case 0:
    case 1:
      anax_store_release(part + stack + 1, 1);
      if (!stop_sections()) wrong();
      empty_stack(hands, part);
      anax_store_release(part + stack, choice & 16 ? 0 : (part[stack] & ~0xffffull) | 1);
      anax_store_release(part + stack + 1, 0);
      break;
    case 2:
      // One that is not open is nobody's to close.
      if (anax_load_acquire(part + row) != 1) return;
      anax_store_release(part + row, 2);
      if (!stop_sections()) wrong();
      empty_row(hands, part);
      anax_store_release(part + row, choice & 16 ? 0 : 1);
      break;
    case 3: {
      uint64_t allocate = rung->allocate_table[index], release = rung->release_table[index];
      anax_store_release(&rung->allocate_table[index], (uint64_t)anax_empty());
      anax_store_release(&rung->release_table[index], (uint64_t)anax_empty());
      if (!stop_sections()) wrong();
      for (int i = 0; i < nodes; i++) empty_lists(hands, blocks[index] + part_start(i));
      anax_store_release(&rung->allocate_table[index], allocate);
      anax_store_release(&rung->release_table[index], release);
      break;
    }
  }
}

static int lost(const struct kind *kind, bool quiet) {
  uint64_t there = 0;
  for (uint64_t i = 0; i < kind->count; i++) there += kind->owned[i];
  if (there != kind->count && !quiet)
    printf("sections: failed: %s: %lu of %lu %s are left\n", rung->name, there, kind->count, kind->name);
  return there != kind->count;
}

bool settle(struct hands *hands, int count, bool quiet) {
  uint64_t added = 0, sum = 0, given = 0, flags = 0, opened = 0;
  for (int i = 0; i < count; i++) {
    sum += hands[i].added;
    opened += hands[i].opened;
  }
  for (uint64_t i = 0; i < block_count; i++) {
    for (int node = 0; node < nodes; node++) {
      uint64_t *part = blocks[i] + part_start(node);
      empty_lists(hands, part);
      empty_stack(hands, part);
      empty_row(hands, part);
      added += part[counter];
      flags += part[flag];
    }
  }
  for (uint64_t i = 0; i < strips_most; i++) given += ledger.given[i];
  int missing = lost(&ledger.items, quiet) + lost(&ledger.entries, quiet) + lost(&ledger.runs, quiet);
  if (!quiet) {
    if (ledger.wrongs) printf("sections: failed: %s: %lu things were given twice\n", rung->name, ledger.wrongs);
    if (added != sum) printf("sections: failed: %s: %lu was added, and %lu is there\n", rung->name, sum, added);
    if (opened != flags)
      printf("sections: failed: %s: %ld flags must be open, and %lu are\n", rung->name, (long)opened, flags);
    if (given != ledger.strips)
      printf("sections: failed: %s: %lu items of strips were given, of %lu\n", rung->name, given, ledger.strips);
  }
  return missing == 0 && ledger.wrongs == 0 && added == sum && opened == flags && given == ledger.strips;
}
