// SPDX-License-Identifier: Apache-2.0
// Who has what: each thing has an owner or lies somewhere, and is claimed by who is given it. What is claimed and has
// an owner was given twice; what has none at the end and lies nowhere was lost.
#pragma once
#include "sections.h"

enum {
  things_most = 256,
  strips_most = 1 << 22,
};

/// What lies somewhere once: items of lists, entries of stacks, entries of rows.
struct kind {
  const char *name;
  uint64_t count;
  uint8_t owned[things_most];
};

struct ledger {
  struct kind items, entries, runs;
  /// Of a strip's items, each is given once ever.
  uint8_t given[strips_most];
  uint64_t strips;  // those that were made
  uint64_t wrongs;  // things given twice, or that there are not
};
extern struct ledger ledger;

static inline void wrong(void) { __atomic_fetch_add(&ledger.wrongs, 1, __ATOMIC_RELAXED); }
static inline bool is_wrong(void) { return __atomic_load_n(&ledger.wrongs, __ATOMIC_RELAXED) != 0; }

/// False, and something is wrong, where it was not there to be given.
static inline bool claim(struct kind *kind, uint64_t thing) {
  if (thing < kind->count && __atomic_exchange_n(&kind->owned[thing], 1, __ATOMIC_ACQ_REL) == 0) return true;
  wrong();
  return false;
}
static inline void let_go(struct kind *kind, uint64_t thing) {
  __atomic_store_n(&kind->owned[thing], 0, __ATOMIC_RELEASE);
}

/// Things that a thread, or its signal handler, has; no more than `things_most` are kept.
struct hand {
  struct kind *kind;
  uint64_t count;
  uint16_t things[things_most];
};
static inline void keep(struct hand *hand, uint64_t thing) {
  if (claim(hand->kind, thing) && hand->count < things_most) hand->things[hand->count++] = (uint16_t)thing;
}
