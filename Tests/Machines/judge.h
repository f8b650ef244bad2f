// SPDX-License-Identifier: Apache-2.0
// What the programs that run in virtual machines share: the machine as /sys describes it, and where memory really lies as the
// kernel says it. Nothing here asks Anax. `program` is the name that complaints carry.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096, mega = 1 << 20, most_nodes = 16, most_cpus = 64 };

static const char *program = "test";

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *what, ...) {
  va_list list;
  va_start(list, what);
  fprintf(stderr, "%s: FAILED: ", program);
  vfprintf(stderr, what, list);
  fprintf(stderr, "\n");
  va_end(list);
  _exit(1);
}

// The file's text, or "" where it cannot be read; valid until the next call. Takes no memory from malloc.
__attribute__((unused)) static const char *text_of(const char *path) {
  static char text[1 << 17];
  size_t length = 0;
  int file = open(path, O_RDONLY);
  while (file >= 0) {
    ssize_t count = read(file, text + length, sizeof text - 1 - length);
    if (count <= 0) break;
    length += (size_t)count;
  }
  if (file >= 0) close(file);
  text[length] = 0;
  return text;
}

__attribute__((unused)) static void write_to(const char *path, const char *text) {
  int file = open(path, O_WRONLY);
  if (file < 0 || write(file, text, strlen(text)) < 0) fail("%s takes no '%s' (%d)", path, text, errno);
  close(file);
}

// A bit for each number of a list such as "0-3,8".
__attribute__((unused)) static uint64_t bits_of(const char *list) {
  uint64_t bits = 0;
  while (*list >= '0' && *list <= '9') {
    char *end;
    unsigned long first = strtoul(list, &end, 10), last = first;
    if (*end == '-') last = strtoul(end + 1, &end, 10);
    for (; first <= last && first < 64; first++) bits |= (uint64_t)1 << first;
    list = *end == ',' ? end + 1 : end;
  }
  return bits;
}

// The machine, as /sys has it now.
struct machine {
  uint64_t online, with_memory, allowed, cpus_online;
  uint64_t cpus[most_nodes];
  int distance[most_nodes][most_nodes];
};

__attribute__((unused)) static struct machine read_machine(void) {
  struct machine machine = {0};
  char path[80];
  machine.cpus_online = bits_of(text_of("/sys/devices/system/cpu/online"));
  machine.online = bits_of(text_of("/sys/devices/system/node/online"));
  machine.with_memory = bits_of(text_of("/sys/devices/system/node/has_memory"));
  for (int node = 0; node < most_nodes; node++) {
    if (!(machine.online >> node & 1)) continue;
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", node);
    machine.cpus[node] = bits_of(text_of(path));
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/distance", node);
    const char *row = text_of(path);
    for (int other = 0; other < most_nodes; other++) {
      char *end;
      if (machine.online >> other & 1) machine.distance[node][other] = (int)strtol(row, &end, 10), row = end;
    }
  }
  unsigned long allowed[16] = {0};
  if (syscall(SYS_get_mempolicy, NULL, allowed, 1024, NULL, 4 /* MPOL_F_MEMS_ALLOWED */)) fail("get_mempolicy");
  machine.allowed = allowed[0];
  if (!machine.online || !machine.with_memory) fail("/sys says nothing of nodes");
  return machine;
}

__attribute__((unused)) static int node_of_cpu(const struct machine *machine, int cpu) {
  for (int node = 0; node < most_nodes; node++)
    if (machine->cpus[node] >> cpu & 1) return node;
  fail("CPU %d is on no node", cpu);
}

// Of the nodes in `among` the `rank`th nearest to a node: where memory is to come from when those before have none. -1: there are
// not so many.
__attribute__((unused)) static int nearest(const struct machine *machine, int node, uint64_t among, int rank) {
  for (;; rank--) {
    int best = -1;
    for (int other = 0; other < most_nodes; other++) {
      if (!(among >> other & 1)) continue;
      int distance = other == node ? 0 : machine->distance[node][other];
      if (best < 0 || distance < (best == node ? 0 : machine->distance[node][best])) best = other;
    }
    if (rank == 0 || best < 0) return best;
    among &= ~((uint64_t)1 << best);
  }
}

__attribute__((unused)) static uint64_t usable(const struct machine *machine) { return machine->with_memory & machine->allowed; }

// Where memory of a node's CPU is to lie under the default policy while there is some.
__attribute__((unused)) static int expected(const struct machine *machine, int node) {
  return nearest(machine, node, usable(machine), 0);
}

// The node a resident page lies on.
__attribute__((unused)) static int node_of(const void *address) {
  int node = -1;
  if (syscall(SYS_get_mempolicy, &node, NULL, 0, address, 3 /* MPOL_F_NODE | MPOL_F_ADDR */))
    fail("get_mempolicy of %p: %d", address, errno);
  return node;
}

// How many pages of a range lie on each node; those that are not resident are counted last.
struct spread {
  long on[most_nodes], absent, all;
};

__attribute__((unused)) static void add_pages(struct spread *spread, const void *start, size_t bytes) {
  uintptr_t at = (uintptr_t)start & ~(uintptr_t)(page - 1), end = (uintptr_t)start + bytes;
  while (at < end) {
    void *pages[256];
    int status[256];
    unsigned long count = 0;
    for (; count < 256 && at < end; at += page) pages[count++] = (void *)at;
    if (syscall(SYS_move_pages, 0, count, pages, NULL, status, 0)) fail("move_pages: %d", errno);
    for (unsigned long i = 0; i < count; i++) {
      if (status[i] >= 0 && status[i] < most_nodes) spread->on[status[i]]++;
      else spread->absent++;
      spread->all++;
    }
  }
}

__attribute__((unused)) static const char *text_of_spread(const struct spread *spread) {
  static char text[200];
  int length = 0;
  for (int node = 0; node < most_nodes; node++)
    if (spread->on[node]) length += snprintf(text + length, sizeof text - (size_t)length, " N%d=%ld", node, spread->on[node]);
  snprintf(text + length, sizeof text - (size_t)length, " absent=%ld", spread->absent);
  return text + 1;
}

// At least `thousandths` of the resident pages lie on the node.
__attribute__((unused)) static void expect_on(const struct spread *spread, int node, int thousandths, const char *what) {
  long resident = spread->all - spread->absent;
  if (resident == 0 || node < 0 || spread->on[node] * 1000 < resident * thousandths)
    fail("%s: the pages lie on %s, and were to lie on node %d", what, text_of_spread(spread), node);
}

// Memory policies as the kernel numbers them: 5 is of Linux 5.15, 6 of 6.9.
enum { mode_preferred = 1, mode_bind, mode_interleave, mode_local, mode_preferred_many, mode_weighted, modes };
__attribute__((unused)) static const char *const mode_names[modes] = {
    "default", "preferred", "bind", "interleave", "local", "preferred-many", "weighted-interleave"};

// The number of the policy of that name; -1: there is none.
__attribute__((unused)) static int mode_named(const char *name, size_t length) {
  for (int mode = 0; mode < modes; mode++)
    if (strlen(mode_names[mode]) == length && !strncmp(name, mode_names[mode], length)) return mode;
  return -1;
}

// The calling thread's policy.
struct policy {
  int mode;
  uint64_t nodes;
};

__attribute__((unused)) static struct policy policy_in_force(void) {
  struct policy policy = {0};
  unsigned long nodes[16] = {0};
  if (syscall(SYS_get_mempolicy, &policy.mode, nodes, 1024, NULL, 0)) fail("get_mempolicy");
  policy.nodes = nodes[0];
  // Without its flags, of which numactl --balancing sets one.
  policy.mode &= 0xfff;
  return policy;
}

// What the kernel takes a policy's pages from before all else, or alone: the others count only when these are full.
__attribute__((unused)) static uint64_t served(const struct machine *machine, struct policy policy) {
  int named = policy.mode == mode_bind || policy.mode == mode_preferred_many;
  return usable(machine) & (named ? policy.nodes : ~(uint64_t)0);
}

__attribute__((unused)) static void go_to(int cpu) {
  cpu_set_t set;
  unsigned here = 0;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set)) fail("CPU %d cannot be had", cpu);
  if (syscall(SYS_getcpu, &here, NULL, NULL) || here != (unsigned)cpu) fail("CPU %d is %u", cpu, here);
}

__attribute__((unused)) static uint64_t cpus_allowed(void) {
  cpu_set_t set;
  uint64_t bits = 0;
  if (sched_getaffinity(0, sizeof set, &set)) fail("sched_getaffinity");
  for (int cpu = 0; cpu < most_cpus; cpu++) bits |= (uint64_t)(CPU_ISSET(cpu, &set) != 0) << cpu;
  return bits;
}

__attribute__((unused)) static void go_anywhere(void) {
  cpu_set_t all;
  memset(&all, 0xff, sizeof all);
  if (sched_setaffinity(0, sizeof all, &all)) fail("sched_setaffinity");
}
