// SPDX-License-Identifier: Apache-2.0
// The cases of nodes.c in which the user has a memory policy: set by who started the program, or by the program itself. The policy is
// respected to the page, the kernel says that Anax has put none of its own over it, and homes are as they are without.
#pragma once
#include "regions.h"

#include <numa.h>

// Of a policy in turns, how many of the turns are the node's.
static long turns_of(int mode, uint64_t nodes, int node) {
  char path[80];
  if (!(nodes >> node & 1)) return 0;
  if (mode != mode_weighted) return 1;
  snprintf(path, sizeof path, "/sys/kernel/mm/mempolicy/weighted_interleave/node%d", node);
  long weight = atol(text_of(path));
  if (weight < 1) fail("node %d has no weight", node);
  return weight;
}

static void expect_turns(const struct spread *spread, int mode, uint64_t nodes) {
  long sum = 0, turns = 0;
  for (int node = 0; node < most_nodes; node++) sum += spread->on[node] * (nodes >> node & 1), turns += turns_of(mode, nodes, node);
  if (sum != spread->all) fail("%s: the pages lie on %s", mode_names[mode], text_of_spread(spread));
  for (int node = 0; node < most_nodes; node++)
    if (spread->on[node] * turns * 10 < spread->all * turns_of(mode, nodes, node) * 8)
      fail("%s: the pages lie on %s", mode_names[mode], text_of_spread(spread));
}

// Where memory of a node's CPU is to lie under a policy that is not one of turns.
static int expected_under(int mode, uint64_t nodes, int node) {
  switch (mode) {
    case mode_preferred: return __builtin_ctzll(nodes);
    case mode_local: return expected(&machine, node);
    default: return nearest(&machine, node, served(&machine, (struct policy){mode, nodes}), 0);
  }
}

// A mapping without a policy of its own is shown with the thread's, in the kernel's words.
static void expect_none_of_its_own(const void *block, int mode, uint64_t nodes) {
  static const char *const words[modes] = {"default", "prefer", "bind", "interleave", "local", "prefer (many)", "weighted interleave"};
  const char *found = strchr(line_of(block), ' ');
  size_t length = strlen(words[mode]);
  if (!found || strncmp(found + 1, words[mode], length)) fail("numa_maps has no '%s' in '%.60s'", words[mode], line_of(block));
  found += 1 + length;
  if (nodes ? *found != ':' || bits_of(found + 1) != nodes : *found != ' ')
    fail("numa_maps has other nodes than %lx in '%.60s'", (long)nodes, line_of(block));
}

// Small and large blocks of the CPU lie where the policy of this thread says, and are of its node's home. Of the pages so many in a
// thousand must lie there: under a policy that came late some were in memory before.
static void judge_blocks(int cpu, int mode, uint64_t nodes, int thousandths) {
  enum { bytes = 3 * mega, huge = 8 * mega, small = 2000 };
  static void *blocks[small];
  struct spread spread = {0};
  int node = node_of_cpu(&machine, cpu);
  go_to(cpu);
  void *large = block_of(bytes);
  add_pages(&spread, large, bytes);
  for (int i = 0; i < small; i++) {
    blocks[i] = block_of(1000);
    add_pages(&spread, blocks[i], 8);
    if (home_of(blocks[i]) != node) fail("%s changes a block's home from %d to %d", mode_names[mode], node, home_of(blocks[i]));
  }
  if (home_of(large) != node) fail("%s changes a large block's home", mode_names[mode]);
  // Huge pages: where its first choice has none free the kernel takes one elsewhere, unless the policy binds.
  void *largest = block_of(huge);
  struct spread all = {0};
  add_pages(&all, largest, huge);
  if (home_of(largest) != node) fail("%s changes the largest block's home", mode_names[mode]);
  if (mode == mode_bind) {
    for (int other = 0; other < most_nodes; other++)
      if (all.on[other] && !(nodes >> other & 1)) fail("%s: the largest block's pages lie on %s", mode_names[mode], text_of_spread(&all));
  }
  if (mode == mode_interleave || mode == mode_weighted) expect_turns(&spread, mode, nodes);
  else expect_on(&spread, expected_under(mode, nodes, node), thousandths, mode_names[mode]);
  expect_none_of_its_own(large, mode, nodes);
  expect_none_of_its_own(blocks[0], mode, nodes);
  for (int i = 0; i < small; i++) free(blocks[i]);
  free(large);
  free(largest);
  // Huge pages that lie elsewhere would serve the next case.
  anax_purge();
}

// The program was started under a policy: so it is for the memory of every CPU.
static void policy(int mode, uint64_t nodes) {
  uint64_t cpus = machine.cpus_online & cpus_allowed();
  struct policy found = policy_in_force();
  if (found.mode != mode || found.nodes != nodes) fail("the policy is %d of %lx", found.mode, (long)found.nodes);
  for (int cpu = 0; cpu < most_cpus; cpu++)
    if (cpus >> cpu & 1) judge_blocks(cpu, mode, nodes, 1000);
  found = policy_in_force();
  if (found.mode != mode || found.nodes != nodes) fail("the policy has become %d of %lx", found.mode, (long)found.nodes);
  go_anywhere();
}

// A policy that the program sets for itself counts from then on, for what it touches from then on: fresh memory, since what was freed
// before stays where it lies.
static void set_by_program(int mode, uint64_t nodes) {
  uint64_t cpus = machine.cpus_online & cpus_allowed();
  if (numa_available() < 0) fail("libnuma finds no nodes");
  struct bitmask *mask = numa_allocate_nodemask();
  for (int node = 0; node < most_nodes; node++)
    if (nodes >> node & 1) numa_bitmask_setbit(mask, (unsigned)node);
  for (int cpu = 0; cpu < most_cpus; cpu++) {
    if (!(cpus >> cpu & 1)) continue;
    go_to(cpu);
    free(block_of(5000));
    switch (mode) {
      case mode_preferred: numa_set_preferred(__builtin_ctzll(nodes)); break;
      case mode_preferred_many: numa_set_preferred_many(mask); break;
      case mode_bind: numa_set_membind(mask); break;
      case mode_interleave: numa_set_interleave_mask(mask); break;
      default: numa_set_localalloc(); break;
    }
    struct policy found = policy_in_force();
    if (found.mode != mode || found.nodes != nodes) fail("libnuma has set policy %d of %lx", found.mode, (long)found.nodes);
    judge_blocks(cpu, mode, nodes, 990);
    found = policy_in_force();
    if (found.mode != mode || found.nodes != nodes) fail("the policy has become %d of %lx", found.mode, (long)found.nodes);
    numa_set_localalloc();
  }
  numa_bitmask_free(mask);
  go_anywhere();
}
