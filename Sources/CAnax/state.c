// SPDX-License-Identifier: Apache-2.0
// Storage only: the engine's mutable state, all zero until the first allocation. Logic lives in Swift.
#include "CAnax.h"

_Alignas(64) struct anax_state anax_state_storage;
_Alignas(64) uint64_t anax_allocate_blocks[ANAX_CPUS_MAX];
uint64_t anax_release_blocks[ANAX_CPUS_MAX];
uint64_t anax_concurrency_allocate_blocks[ANAX_CPUS_MAX];
uint64_t anax_concurrency_release_blocks[ANAX_CPUS_MAX];
uint64_t anax_empty_block[ANAX_NODES_MAX * ANAX_ZONES_MAX];
uint8_t anax_cpu_nodes[ANAX_CPUS_MAX];
_Alignas(64) uint64_t anax_large_turns[ANAX_CPUS_MAX * 8];
uint8_t anax_node_order[ANAX_NODES_MAX * ANAX_NODES_MAX];
uint8_t anax_size_classes[384];
uint32_t anax_usable_bytes[ANAX_ZONES_MAX];

_Static_assert(offsetof(struct anax_state, batch_top) % 64 == 0, "what all write begins a line");
_Static_assert(sizeof(struct anax_state) % 64 == 0, "and ends one");
_Static_assert(ANAX_WORD_PAGE_STACK_ENTRIES + ANAX_PAGE_STACK_MOST <= (ANAX_HEAP_ZONES | ANAX_ZONE_REQUESTS) + 1,
               "the words of ready pages are none of a user zone's");
_Static_assert(ANAX_WORD_PAGE_STACK_CLOSED == ANAX_WORD_PAGE_STACK + 1 &&
                   ANAX_WORD_PAGE_STACK_ENTRIES == ANAX_WORD_PAGE_STACK + 2,
               "a stack is words in a row");
_Static_assert(ANAX_WORD_RUN_ROW > (ANAX_HEAP_ZONES | ANAX_ZONE_STRIP) &&
                   ANAX_WORD_RUN_ROW + ANAX_RUN_ROW_SLOTS < ANAX_WORD_RUN_ROW_TURNS &&
                   ANAX_WORD_RUN_ROW_TURNS < ANAX_WORD_COLOR_ROW && ANAX_WORD_COLOR_ROW < ANAX_ZONE_REQUESTS &&
                   ANAX_WORD_RUN_ROW % 8 == 0,
               "the words of ready runs are no strip's, and begin a line");
_Static_assert((ANAX_WORD_COLOR_SLOTS & ANAX_ZONE_RESERVED_BITS) == ANAX_ZONE_STRIP &&
                   ((ANAX_WORD_COLOR_SLOTS + ANAX_COLOR_SLOTS - 1) & ANAX_ZONE_RESERVED_BITS) == ANAX_ZONE_STRIP &&
                   ANAX_WORD_COLOR_SLOTS > (ANAX_HEAP_ZONES | ANAX_ZONE_STRIP) && ANAX_COLOR_SLOTS <= 128 &&
                   ANAX_WORD_COLOR_SLOTS % 8 == 0,
               "and those of objects' pages are none either");
_Static_assert(ANAX_RUN_LONGEST < 256, "a length has eight bits of an entry");
_Static_assert(sizeof(struct anax_slab) == 192, "a slab header is 3 lines");
_Static_assert(sizeof(struct anax_batch) == 64 + 4 * ANAX_BATCH_ITEMS, "a batch is 9 lines");
_Static_assert(sizeof(struct anax_home) == 192, "a home is 3 lines");
_Static_assert(sizeof(struct anax_node) == 320, "a node is 5 lines");
_Static_assert(sizeof(struct anax_zone) == 128, "a zone is 2 lines");
