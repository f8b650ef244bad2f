// SPDX-License-Identifier: Apache-2.0
// The case of nodes.c in which the kernel moves pages by itself (kernel.numa_balancing): to the node that touches them. Homes are told by
// the address, and stay; what is freed goes home, wherever it lies by then; Anax tells of it, and takes it for no error.
#pragma once
#include "policies.h"

extern void anax_stats_print(void) __attribute__((weak));

// Pages of the node's region that lie on other nodes, as Anax's summary tells it.
static long told_elsewhere(int node) {
  char line[80];
  int file = open("/tmp/summary", O_RDWR | O_CREAT | O_TRUNC, 0600), before = dup(2);
  if (file < 0 || before < 0 || dup2(file, 2) != 2) fail("no file for the summary");
  anax_stats_print();
  dup2(before, 2);
  close(before);
  close(file);
  snprintf(line, sizeof line, "anax: node %d: resident pages on the node ", node);
  const char *found = strstr(text_of("/tmp/summary"), line);
  const char *number = found ? strstr(found, "on other nodes ") : NULL;
  if (!number) fail("the summary says nothing of pages on other nodes");
  return atol(number + strlen("on other nodes "));
}

// Blocks of one node that another one's CPU works on until the kernel has moved most of them there.
static void balance_between(int node, int other, uint64_t cpus) {
  enum { small = 3000, bytes = 1000, large = 3 * mega, patience = 60 };
  static unsigned char *blocks[small + 1];
  int here = __builtin_ctzll(machine.cpus[node] & cpus), there = __builtin_ctzll(machine.cpus[other] & cpus);
  struct spread spread = {0};
  anax_purge();
  go_to(here);
  for (int i = 0; i <= small; i++) {
    blocks[i] = block_of(i < small ? bytes : large);
    memset(blocks[i], i & 127, i < small ? bytes : large);
    if (home_of(blocks[i]) != node) fail("a block of node %d has home %d", node, home_of(blocks[i]));
  }
  add_pages(&spread, blocks[small], large);
  expect_on(&spread, node, 990, "before the kernel has moved any");
  go_to(there);
  time_t start = time(NULL);
  long moved = 0, all = 0;
  while (time(NULL) - start < patience) {
    for (int round = 0; round < 20; round++) {
      for (int i = 0; i < small; i++) blocks[i][round] = (unsigned char)(i & 127);
      for (size_t at = 0; at < large; at += page) blocks[small][at] = small & 127;
    }
    memset(&spread, 0, sizeof spread);
    for (int i = 0; i <= small; i++) add_pages(&spread, blocks[i], i < small ? 8 : large);
    moved = spread.on[other], all = spread.all;
    if (moved * 10 > all * 8) break;
  }
  if (moved * 10 <= all * 8) fail("of %ld pages of node %d the kernel has moved only %ld to node %d", all, node, moved, other);
  printf("nodes: of %ld pages of node %d lie, after %ld s, %s\n", all, node, (long)(time(NULL) - start), text_of_spread(&spread));
  for (int i = 0; i <= small; i++) {
    if (home_of(blocks[i]) != node) fail("a block that was moved has home %d", home_of(blocks[i]));
    for (size_t at = 0; at < (i < small ? (size_t)bytes : (size_t)large); at++)
      if (blocks[i][at] != (i & 127)) fail("a block that was moved has lost its contents");
  }
  struct spread whole = mapping_of(blocks[small]);
  long elsewhere = whole.all - whole.on[node], told = told_elsewhere(node);
  if (elsewhere < large / page / 2) fail("numa_maps has only %ld pages elsewhere", elsewhere);
  if (told < elsewhere * 98 / 100 - 64 || told > elsewhere * 102 / 100 + 64)
    fail("Anax tells of %ld pages on other nodes, and there are %ld", told, elsewhere);
  for (int i = 0; i <= small; i++) free(blocks[i]);
  for (int i = 0; i < small; i++) {
    blocks[i] = block_of(bytes);
    if (home_of(blocks[i]) != other) fail("node %d hands out an item of node %d, which lies on it by now", other, home_of(blocks[i]));
  }
  for (int i = 0; i < small; i++) free(blocks[i]);
  go_to(here);
  long again = 0;
  for (int i = 0; i < small; i++) {
    blocks[i] = block_of(bytes);
    if (home_of(blocks[i]) != node) fail("node %d hands out an item of node %d", node, home_of(blocks[i]));
    again += node_of(blocks[i]) == other;
  }
  if (!again) fail("none of the items that were moved came home");
  for (int i = 0; i < small; i++) free(blocks[i]);
}

static void balance(void) {
  uint64_t cpus = machine.cpus_online & cpus_allowed(), among = served(&machine, policy_in_force());
  int one = -1, other = -1;
  if (atoi(text_of("/proc/sys/kernel/numa_balancing")) != 1) fail("the kernel does not move pages");
  for (int node = 0; node < most_nodes; node++)
    if (among >> node & 1 && machine.cpus[node] & cpus) one = other, other = node;
  if (one < 0) fail("no two nodes have CPUs and memory");
  balance_between(one, other, cpus);
  balance_between(other, one, cpus);
  go_anywhere();
}
