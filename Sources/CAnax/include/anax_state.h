// SPDX-License-Identifier: Apache-2.0
// All mutable state of the engine: zero-initialised, defined once in state.c, reached from Swift by pointer.
// Who may touch what, and in which order, is said in the Swift file that owns each structure.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "anax_atomics.h"
#include "anax_attributes.h"
#include "anax_kernel.h"

enum {
  /// CPU ids at or above this use no CPU cache (they take the path of a thread without a restartable-sequence area).
  ANAX_CPUS_MAX = 4096,
  /// Nodes with a home of their own; nodes beyond use those of others, in turns.
  ANAX_NODES_MAX = 16,
  /// Zone ids, 0 means "not a slab". Ids with bit 7 set are never zones: in a CPU block that word is the spare list of id & ~128.
  ANAX_ZONES_MAX = 4096,
  ANAX_ZONE_SPARE = 128,
  /// Nor are ids with bit 8 set: in a CPU block the word id | ANAX_ZONE_REQUESTS counts the requests of user zone id.
  ANAX_ZONE_REQUESTS = 384,
  /// And the word id | ANAX_ZONE_STRIP is the strip of heap zone id: items that nobody has written yet.
  ANAX_ZONE_STRIP = 256,
  /// What an id must have none of to be a zone's.
  ANAX_ZONE_RESERVED_BITS = 384,
  /// Zones of the heap: they have the ids 1...ANAX_HEAP_ZONES, and count no requests.
  ANAX_HEAP_ZONES = 77,
  /// Words of a CPU block that no zone has, since they would count the requests of heap zones: pages taken and given back on this CPU
  /// (in the first node's part), and, in the part of the CPU's own node, how the stack of ready pages was at the last tick, how many
  /// of its pages went to others, and the stack itself with its entries (PageStack). Words 0, 128 and 256 stay 0.
  ANAX_WORD_PAGES_GIVEN = 384,
  ANAX_WORD_PAGES_TAKEN = 385,
  ANAX_WORD_PAGES_SEEN = 386,
  ANAX_WORD_PAGES_DRAINED = 387,
  ANAX_WORD_PAGE_STACK = 388,
  ANAX_WORD_PAGE_STACK_CLOSED = 389,
  ANAX_WORD_PAGE_STACK_ENTRIES = 390,
  ANAX_PAGE_STACK_MOST = 64,
  /// And words that no strip has, since user zones have none, in the part of the CPU's own node: its row of ready runs, what it is and then its slots (RunRow),
  /// and how many runs have found none.
  ANAX_WORD_RUN_ROW = 336,
  ANAX_RUN_ROW_SLOTS = 16,
  /// Pages of the longest run that lies ready.
  ANAX_RUN_LONGEST = 64,
  ANAX_WORD_RUN_ROW_TURNS = 353,
  /// What its row of ready pages of objects is, and their slots, in words that user zones would have strips in (ColorCache).
  ANAX_WORD_COLOR_ROW = 354,
  ANAX_WORD_COLOR_SLOTS = 768,
  ANAX_COLOR_SLOTS = 64,
  /// Words of one node's part of a CPU block.
  ANAX_CPU_BLOCK_BYTES = ANAX_ZONES_MAX * 8,
  ANAX_PAGE_SHIFT_MAX = 16,
  ANAX_SLAB_SHIFT_MIN = 14,
  ANAX_SLAB_WORDS = 16,
  ANAX_BATCH_ITEMS = 128,
};

/// A slab's truth. Type-stable: one per 16 KiB of heap, at the slab's first granule; never unmapped or used for anything else.
struct anax_slab {
  uint64_t gate;  // zone, generation, state, free count
  uint32_t next;  // link in a zone's stack of slabs
  uint32_t unused;
  uint64_t returned;  // owner only: pages of free slots that went back to the kernel, a bit each
  uint64_t seen;      // owner only: the gate at the last tick
  uint64_t reserved[4];
  uint64_t bits[ANAX_SLAB_WORDS];  // 1: claimed
};

/// Up to 128 free items of one zone and home on their way between CPU caches. Type-stable. 9 lines.
struct anax_batch {
  uint64_t chain;  // non-zero: the items are still chained through their first words, this is the head word
  uint64_t base;   // else: byte address that the offsets start at
  uint32_t next;
  uint32_t count;
  uint32_t cpu;
  uint32_t unused_word;
  uint64_t unused[4];
  uint32_t items[ANAX_BATCH_ITEMS];  // in units of 16 bytes
};

/// A zone: constant after creation but for the counters.
struct anax_zone {
  uint32_t stride;     // bytes from item to item
  uint32_t reciprocal; // ceil(2^31 / (stride / 16)): slot index without a division
  uint32_t group_reciprocal;  // as `reciprocal`, for a group of slots with its line of skew
  uint16_t slots;      // items of a slab
  uint16_t list_limit; // items of one CPU list
  uint16_t skew_lines; // slot 0 is 0...skew_lines 64-byte lines behind the slab's start
  uint8_t slab_shift;  // log2 of the slab's bytes
  uint8_t unused_byte;
  uint32_t generation; // of a user zone: one more at each creation with this id; 0: the heap's
  uint64_t state;      // 0 free, 1 being made, 2 live, 3 being destroyed
  uint64_t limit;      // items; 0: none
  uint64_t claimed;    // items out of slabs: used or cached (only counted where limit is not 0)
  uint64_t requests;
  uint64_t failures;
  char name[40];
  uint8_t group_shift;        // log2 of the slots after which one more line is skipped; 63: never
  uint8_t unused8[3];
  uint32_t fast;       // the generation while the zone is live, has no limit, and CPU caches work; else 0: what the hit path compares
  uint32_t system_reserve;     // items that normal requests leave
  uint32_t interrupt_reserve;  // items that normal and system requests leave
  uint64_t turns;      // requests for interleaved items so far: the next one's node
};

/// What a zone has on one node. 3 lines.
struct anax_home {
  uint64_t depot;          // tagged stack of batches
  uint64_t depot_items;    // items in it
  uint64_t depot_low;      // fewest since the last sweep
  uint64_t slabs;          // slabs of this zone here
  uint64_t empties;        // slabs seen to become empty since the last trim
  uint64_t unused_word;
  uint64_t crossed;        // batches that another CPU took than the one that put them
  uint64_t bins[8];        // two sets of four tagged stacks of slabs with free slots, fullest first
  uint64_t set;            // the set that slabs are pushed to, 0 or 1
  uint64_t trimming;
  uint64_t busy;           // on node 0: requests of a user zone that are on the slow path
  uint64_t unused[6];
};

struct anax_node {
  uint64_t first_page;     // page index of the node's region
  uint64_t page_limit;     // one past its last page
  uint64_t top;            // chunks opened so far: pages below were handed out once, or are free
  uint64_t cursor[12];     // lowest chunk that may hold a free run of 2^i pages
  uint64_t claimed_pages;
  uint64_t dirty_pages;    // free, and not returned to the kernel
  uint64_t depot_bytes;
  uint64_t purged_pages;   // in total
  uint64_t off_node;       // pages that others served, since its region had no room
  uint64_t committed;      // chunks whose memory is writable 
  uint64_t hasty;          // pages the cap returned since the last tick that nobody has missed yet
  uint64_t missed;         // four for each of them that was missed: pages the cap allows more
  uint64_t refused;        // chunks in a row of which the kernel took nothing back for the cap
  uint64_t unused[16];
};

/// The rungs of the ladder that are built, by their letters.
enum { ANAX_RUNG_A = 'A', ANAX_RUNG_B = 'B', ANAX_RUNG_D = 'D' };

struct anax_state {
  // Read by every malloc and free.
  int64_t rseq_offset;     // of the area, from the thread pointer
  uint64_t cpu_limit;      // 0 until a CPU cache may be used
  uint64_t heap_base;
  uint64_t fast_size;      // requests below may be served from a CPU cache at once; 0 until then, and on rungs A and D
  uint64_t fast_pages;     // pages below may be freed to a CPU cache at once; 0 until then, and on rungs A and D
  uint64_t heap_pages;     // 0 until the heap exists
  uint16_t *_Nullable page_zones;
  uint64_t page_shift;
  struct anax_zone *_Nullable zones;
  // Read by slow paths.
  struct anax_slab *_Nullable slabs;
  struct anax_home *_Nullable homes;   // [node][zone]
  struct anax_node *_Nullable nodes;
  struct anax_batch *_Nullable batches;
  uint64_t *_Nullable claimed;         // bit per page
  uint64_t *_Nullable touched;
  uint64_t *_Nullable recent;
  uint64_t *_Nullable runs;            // word per page, meaningful at a run's first page
  uint64_t *_Nullable longest;         // per chunk: no free run is longer
  uint8_t *_Nullable dirty_chunks;
  uint8_t *_Nullable huge_chunks;
  uint64_t *_Nullable shard_locks;
  uint64_t node_page_shift;            // page index >> this = node
  uint64_t node_count;
  uint64_t nodes_online;               // a bit for each of them that was online at the start
  uint64_t nodes_with_memory;          // a bit for each of the first 64 that had memory then
  uint64_t cpu_count;                  // possible CPU ids, at most ANAX_CPUS_MAX
  uint64_t batch_limit;
  uint64_t blocks_base;                // CPU blocks, then their replacements
  uint64_t block_bytes;
  uint64_t block_count;                // CPU blocks: one a CPU id; on rung A one a CPU id and node
  uint64_t shards_base;
  uint64_t reservation;                // bytes of address space
  uint64_t opening;                    // Region.Opening
  uint64_t started;                    // 0 no, 1 starting, 2 live, 3 failed
  uint64_t rung;                       // ANAX_RUNG_…; 0 before the start
  uint64_t rung_reason;
  uint64_t membarrier;                 // 1: other CPUs' sections can be aborted
  uint64_t last_tick;
  uint64_t sweeping;                   // epoch of the process that sweeps
  uint64_t epochs;
  uint64_t zone_top;
  uint64_t reclaims;
  uint64_t left_overs;                 // 1: some block is left over (see CPUBlocks)
  uint64_t helper;                     // futex word of the helper thread
  uint64_t run_epoch;                  // of ready runs: one more at each tick
  uint64_t shards_used;                // 1: some thread came without an area
  uint64_t interleaved_over;           // a bit for each node that interleaved items have in turns; 0 before the first
  anax_fake_kernel _Nullable fake_kernel;
  // Written by whoever comes, at any time: on lines of their own.
  uint64_t apart[8];
  uint64_t batch_top;
  uint64_t batch_free[ANAX_NODES_MAX]; // tagged stacks of empty batches
  uint64_t own_mappings;               // live blocks and runs whose mapping is of its own kind
  uint64_t page_objects;               // made so far: where the next one's colors begin
  uint64_t behind[5];
};

extern struct anax_state anax_state_storage __attribute__((visibility("hidden")));
/// Each CPU's block: where it takes items from (the part of its own node) and where it puts them (the start).
extern uint64_t anax_allocate_blocks[ANAX_CPUS_MAX] __attribute__((visibility("hidden")));
extern uint64_t anax_release_blocks[ANAX_CPUS_MAX] __attribute__((visibility("hidden")));
/// The same on rung A, where a block's index is node_id times cpu_limit plus mm_cid.
extern uint64_t anax_concurrency_allocate_blocks[ANAX_CPUS_MAX] __attribute__((visibility("hidden")));
extern uint64_t anax_concurrency_release_blocks[ANAX_CPUS_MAX] __attribute__((visibility("hidden")));
extern uint64_t anax_empty_block[ANAX_NODES_MAX * ANAX_ZONES_MAX] __attribute__((visibility("hidden")));
extern uint8_t anax_cpu_nodes[ANAX_CPUS_MAX] __attribute__((visibility("hidden")));
/// Whose turn it is of the lines that large blocks of the CPU begin at, each on a line of its own.
extern uint64_t anax_large_turns[ANAX_CPUS_MAX * 8] __attribute__((visibility("hidden")));
extern uint8_t anax_node_order[ANAX_NODES_MAX * ANAX_NODES_MAX] __attribute__((visibility("hidden")));
extern uint8_t anax_size_classes[384] __attribute__((visibility("hidden")));
/// Bytes a caller may use of an item, by zone: packed, and at a fixed place, since arrays ask at every growth.
extern uint32_t anax_usable_bytes[ANAX_ZONES_MAX] __attribute__((visibility("hidden")));

ANAX_INLINE struct anax_state *_Nonnull anax_state(void) { return &anax_state_storage; }
ANAX_INLINE uint64_t *_Nonnull anax_allocate_table(void) { return anax_allocate_blocks; }
ANAX_INLINE uint64_t *_Nonnull anax_release_table(void) { return anax_release_blocks; }
ANAX_INLINE uint64_t *_Nonnull anax_concurrency_allocate_table(void) { return anax_concurrency_allocate_blocks; }
ANAX_INLINE uint64_t *_Nonnull anax_concurrency_release_table(void) { return anax_concurrency_release_blocks; }
ANAX_INLINE uint8_t *_Nonnull anax_cpu_node_table(void) { return anax_cpu_nodes; }
ANAX_INLINE uint64_t *_Nonnull anax_large_turn_table(void) { return anax_large_turns; }
ANAX_INLINE uint8_t *_Nonnull anax_node_order_table(void) { return anax_node_order; }
ANAX_INLINE uint8_t *_Nonnull anax_size_class_table(void) { return anax_size_classes; }
ANAX_INLINE uint64_t *_Nonnull anax_empty(void) { return anax_empty_block; }
ANAX_INLINE uint64_t *_Nonnull anax_slab_bits(struct anax_slab *_Nonnull slab) { return slab->bits; }
ANAX_INLINE uint32_t *_Nonnull anax_batch_items(struct anax_batch *_Nonnull batch) { return batch->items; }
ANAX_INLINE uint64_t *_Nonnull anax_home_bins(struct anax_home *_Nonnull home) { return home->bins; }
ANAX_INLINE uint64_t *_Nonnull anax_node_cursors(struct anax_node *_Nonnull node) { return node->cursor; }
ANAX_INLINE uint64_t *_Nonnull anax_state_batch_free(struct anax_state *_Nonnull state) { return state->batch_free; }
/// The list that takes an item of this page: node and zone of the page's slab; its zone is 0 where there is none.
ANAX_INLINE uint64_t anax_page_list(uint64_t page) {
  return anax_load16_wide(&anax_state_storage.page_zones[page]);
}
/// Bytes a caller may use of the zone's items; 0 for id 0.
ANAX_INLINE uint32_t anax_zone_usable(long id) { return anax_usable_bytes[id]; }
ANAX_INLINE void anax_zone_set_usable(long id, uint32_t bytes) { anax_usable_bytes[id] = bytes; }
/// What the word of a strip of the zone's items grows by when one is taken.
ANAX_INLINE uint64_t anax_strip_step(long id) { return ((uint64_t)anax_state_storage.zones[id].stride << 16) - 1; }
ANAX_INLINE struct anax_zone *_Nonnull anax_zone_row(long id) { return anax_state_storage.zones + id; }
ANAX_INLINE uint32_t *_Nonnull anax_zone_fast(struct anax_zone *_Nonnull zone) { return &zone->fast; }
ANAX_INLINE char *_Nonnull anax_zone_name(struct anax_zone *_Nonnull zone) { return zone->name; }

// Addresses of the fields that many threads change: `anax_node_top(node)` is `&node->top`.
#define ANAX_FIELD(structure, field)                                                               \
  ANAX_INLINE uint64_t *_Nonnull anax_##structure##_##field(struct anax_##structure *_Nonnull p) { \
    return &p->field;                                                                              \
  }
ANAX_FIELD(slab, gate)
ANAX_FIELD(zone, state)
ANAX_FIELD(zone, claimed)
ANAX_FIELD(zone, requests)
ANAX_FIELD(zone, failures)
ANAX_FIELD(zone, turns)
ANAX_FIELD(home, depot)
ANAX_FIELD(home, depot_items)
ANAX_FIELD(home, depot_low)
ANAX_FIELD(home, slabs)
ANAX_FIELD(home, empties)
ANAX_FIELD(home, crossed)
ANAX_FIELD(home, set)
ANAX_FIELD(home, trimming)
ANAX_FIELD(home, busy)
ANAX_FIELD(node, top)
ANAX_FIELD(node, claimed_pages)
ANAX_FIELD(node, dirty_pages)
ANAX_FIELD(node, depot_bytes)
ANAX_FIELD(node, purged_pages)
ANAX_FIELD(node, off_node)
ANAX_FIELD(node, committed)
ANAX_FIELD(node, hasty)
ANAX_FIELD(node, missed)
ANAX_FIELD(node, refused)
ANAX_FIELD(state, batch_top)
ANAX_FIELD(state, started)
ANAX_FIELD(state, last_tick)
ANAX_FIELD(state, sweeping)
ANAX_FIELD(state, epochs)
ANAX_FIELD(state, reclaims)
ANAX_FIELD(state, left_overs)
ANAX_FIELD(state, zone_top)
ANAX_FIELD(state, helper)
ANAX_FIELD(state, shards_used)
ANAX_FIELD(state, interleaved_over)
ANAX_FIELD(state, own_mappings)
ANAX_FIELD(state, page_objects)
ANAX_FIELD(state, run_epoch)
#undef ANAX_FIELD
