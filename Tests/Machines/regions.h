// SPDX-License-Identifier: Apache-2.0
// Which node's region of the heap a block lies in, learnt without asking Anax, and where the pages of its mapping are. For one
// program (nodes.c).
#pragma once
#include "judge.h"

#include <stddef.h>

extern ptrdiff_t anax_purge(void) __attribute__((weak));

static struct machine machine;

// The nodes' regions, told by address: 4 GiB at least each, so that a block's address over 4 GiB tells them apart. Learnt from
// blocks that their own CPUs allocate; -1: a region that no CPU was seen to use.
static uintptr_t region_low[most_nodes], region_high[most_nodes];

static int home_of(const void *block) {
  for (int node = 0; node < most_nodes; node++)
    if (region_high[node] && (uintptr_t)block >= region_low[node] && (uintptr_t)block < region_high[node]) return node;
  return -1;
}

// Each node's region is as long as the next one's and they follow one another: from two blocks' distance in the maps.
static void learn_regions(void) {
  uintptr_t first[most_nodes] = {0};
  int nodes = 0, with_cpus = 0;
  for (int node = 0; node < most_nodes; node++) {
    if (machine.online >> node & 1) nodes = node + 1;
    uint64_t cpus = machine.cpus[node] & cpus_allowed();
    if (!cpus) continue;
    go_to(__builtin_ctzll(cpus));
    void *block = malloc(3 * mega);
    if (!block) fail("no memory");
    memset(block, 1, 3 * mega);
    first[node] = (uintptr_t)block;
    with_cpus++;
    free(block);
    go_anywhere();
  }
  // The heap is at the start of each region, which is a power of two long: the shortest distance of two nodes by their numbers.
  uintptr_t length = (uintptr_t)64 << 30;
  for (int node = 0; node < nodes; node++)
    for (int other = 0; other < node; other++)
      if (first[node] && first[other]) {
        if (first[node] <= first[other]) fail("the regions of nodes %d and %d are not in order", other, node);
        uintptr_t each = (first[node] - first[other] + ((uintptr_t)1 << 29)) / (uintptr_t)(node - other);
        if (each < length) length = (uintptr_t)1 << (63 - __builtin_clzll(each));
      }
  for (int node = 0; node < nodes; node++) {
    if (!first[node]) continue;
    // The region begins some megabytes before the first block, wherever that is; before it the end of the one before is not in use.
    region_low[node] = first[node] - (1 << 28);
    region_high[node] = region_low[node] + length;
  }
  if (with_cpus == 0) fail("no node has CPUs");
  // What was learnt from leaves no pages behind.
  anax_purge();
}

static void *block_of(size_t bytes) {
  unsigned char *block = malloc(bytes);
  if (!block) fail("no memory for %zu bytes", bytes);
  for (size_t at = 0; at < bytes; at += page) block[at] = 1;
  block[bytes - 1] = 1;
  return block;
}

// What numa_maps says of the mapping that holds the address: its line, from the start address on. Valid until text_of is called again.
static const char *line_of(const void *address) {
  const char *best = NULL, *text = text_of("/proc/self/numa_maps");
  for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
    if (strtoull(line, NULL, 16) > (uintptr_t)address) break;
    best = line;
    if (!strchr(line, '\n')) break;
  }
  if (!best) fail("numa_maps has no mapping of %p", address);
  return best;
}

// Pages of that mapping by node.
static struct spread mapping_of(const void *address) {
  struct spread spread = {0};
  const char *line = line_of(address), *end = strchr(line, '\n');
  for (const char *field = line; field && field < end; field = strchr(field + 1, ' ')) {
    int node;
    long pages;
    if (sscanf(field, " N%d=%ld", &node, &pages) == 2 && node < most_nodes) spread.on[node] += pages, spread.all += pages;
  }
  return spread;
}
