// SPDX-License-Identifier: Apache-2.0
// Runs in a virtual machine of several nodes with the library preloaded. Each argument is a case; the kernel is the judge of where
// pages lie (judge.h), by page and over whole mappings. Prints "nodes: passed CASE" after each; else what was wrong, and ends with 1.
#include "balance.h"

#include <pthread.h>

// Small and large blocks of each CPU lie on its node, or where that has no memory on the nearest that has.
static void local(void) {
  enum { count = 300 };
  static unsigned char *blocks[count];
  uint64_t cpus = machine.cpus_online & cpus_allowed();
  for (int cpu = 0; cpu < most_cpus; cpu++) {
    if (!(cpus >> cpu & 1)) continue;
    int node = node_of_cpu(&machine, cpu), wanted = expected(&machine, node);
    struct spread spread = {0};
    go_to(cpu);
    for (int i = 0; i < count; i++) {
      size_t bytes = i % 50 == 49 ? (size_t)i * 3000 : (size_t)i * 40 + 16;
      blocks[i] = block_of(bytes);
      add_pages(&spread, blocks[i], bytes);
      int home = home_of(blocks[i]);
      if (home != node) fail("CPU %d of node %d got a block whose home is node %d", cpu, node, home);
    }
    expect_on(&spread, wanted, 1000, "blocks of a CPU");
    struct spread whole = mapping_of(blocks[0]);
    expect_on(&whole, wanted, 990, "the mapping of a CPU's blocks");
    // Freed on another node's CPU, for the next one to be tempted.
    for (int other = 0; other < most_cpus; other++)
      if (cpus >> other & 1 && !(machine.cpus[node] >> other & 1)) go_to(other);
    for (int i = 0; i < count; i++) free(blocks[i]);
  }
  go_anywhere();
}

enum { many = 150000 };
static void *items[many];

static void take(int cpu, size_t bytes) {
  go_to(cpu);
  for (int i = 0; i < many; i++) {
    items[i] = malloc(bytes);
    if (!items[i]) fail("no memory");
    *(volatile char *)items[i] = 1;
  }
}

static void give(int cpu) {
  go_to(cpu);
  for (int i = 0; i < many; i++) free(items[i]);
}

// What is freed on a foreign node goes home: its own node's CPUs hand it out again, so that they need no more pages than the first
// time, and the foreign CPU never does. With `placed` pages are judged as well as regions (under a policy of the user's only regions
// are).
static void home(int placed) {
  uint64_t cpus = machine.cpus_online & cpus_allowed();
  for (int node = 0; node < most_nodes; node++) {
    if (!(machine.cpus[node] & cpus)) continue;
    int other = (node + 1) % most_nodes;
    while (!(machine.cpus[other] & cpus)) other = (other + 1) % most_nodes;
    if (other == node) fail("one node has all the CPUs");
    int here = __builtin_ctzll(machine.cpus[node] & cpus), there = __builtin_ctzll(machine.cpus[other] & cpus);
    long pages = 0;
    anax_purge();
    for (int round = 0; round < 2; round++) {
      take(here, 48);
      pages = mapping_of(items[0]).all;
      for (int i = 0; i < many; i++)
        if (home_of(items[i]) != node) fail("CPU %d of node %d got an item of node %d", here, node, home_of(items[i]));
      give(there);
    }
    take(there, 48);
    struct spread spread = {0};
    for (int i = 0; i < many; i++)
      if (home_of(items[i]) != other)
        fail("CPU %d of node %d handed out an item of node %d, which was freed there", there, other, home_of(items[i]));
    for (int i = 0; i < many; i += 64) add_pages(&spread, items[i], 8);
    if (placed && expected(&machine, other) != expected(&machine, node))
      expect_on(&spread, expected(&machine, other), 990, "items of a CPU that frees foreign ones");
    give(there);
    take(here, 48);
    // Items on a CPU's few lists of 128 are among the hundredth.
    long now = mapping_of(items[0]).all;
    if (now > pages + pages / 100)
      fail("node %d needed %ld pages, and %ld when its items had been freed on node %d", node, pages, now, other);
    memset(&spread, 0, sizeof spread);
    for (int i = 0; i < many; i += 64) add_pages(&spread, items[i], 8);
    if (placed) expect_on(&spread, expected(&machine, node), 990, "items that came home");
    give(here);
  }
  go_anywhere();
}

// One thread allocates on a node, another frees on a second one: the first lives on what comes home.
static void *volatile handed[64];
static int producer_cpu, consumer_cpu;
enum { handed_over = 50000 };

static void *consume(void *unused) {
  (void)unused;
  go_to(consumer_cpu);
  for (int done = 0; done < handed_over;) {
    void *item = __atomic_exchange_n(&handed[done % 64], NULL, __ATOMIC_ACQ_REL);
    if (item) free(item), done++;
    else sched_yield();
  }
  return NULL;
}

static void flow(void) {
  uint64_t cpus = machine.cpus_online & cpus_allowed();
  producer_cpu = __builtin_ctzll(cpus);
  int node = node_of_cpu(&machine, producer_cpu);
  consumer_cpu = __builtin_ctzll(cpus & ~machine.cpus[node]);
  pthread_t consumer;
  if (pthread_create(&consumer, NULL, consume, NULL)) fail("pthread_create");
  go_to(producer_cpu);
  static unsigned char seen[1 << 16];
  uintptr_t base = 0;
  long pages = 0;
  for (int done = 0; done < handed_over; done++) {
    void *item = malloc(200);
    if (!item) fail("no memory");
    if (home_of(item) != node) fail("an item of node %d on node %d", home_of(item), node);
    if (!base) base = ((uintptr_t)item / page) - (1 << 15);
    uintptr_t at = (uintptr_t)item / page - base;
    if (at < sizeof seen && !seen[at]) seen[at] = 1, pages++;
    *(volatile char *)item = 1;
    while (__atomic_load_n(&handed[done % 64], __ATOMIC_ACQUIRE)) sched_yield();
    __atomic_store_n(&handed[done % 64], item, __ATOMIC_RELEASE);
  }
  pthread_join(consumer, NULL);
  // 64 items are on their way at most; lists, depot and slabs of the two hold some hundreds more. Without a way home it were 2400.
  printf("nodes: %d items went over %ld pages\n", handed_over, pages);
  if (pages > 400) fail("%d items of 200 bytes, freed on another node, took %ld pages", handed_over, pages);
  go_anywhere();
}

// A thread that goes from node to node is followed at once.
static void migrate(void) {
  uint64_t cpus = machine.cpus_online & cpus_allowed();
  void *mine[64] = {0};
  struct spread right = {0};
  for (int round = 0; round < 40; round++) {
    for (int cpu = 0; cpu < most_cpus; cpu++) {
      if (!(cpus >> cpu & 1)) continue;
      go_to(cpu);
      int node = node_of_cpu(&machine, cpu), wanted = expected(&machine, node);
      for (int i = 0; i < 64; i++) {
        free(mine[i]);
        mine[i] = block_of((size_t)(i % 13 + 1) * 100);
        if (home_of(mine[i]) != node) fail("on CPU %d of node %d an item of node %d", cpu, node, home_of(mine[i]));
      }
      struct spread spread = {0};
      for (int i = 0; i < 64; i++) add_pages(&spread, mine[i], 8);
      right.all += spread.all;
      right.on[0] += spread.on[wanted];
    }
  }
  if (right.on[0] * 1000 < right.all * 995) fail("of %ld pages only %ld followed the thread", right.all, right.on[0]);
  for (int i = 0; i < 64; i++) free(mine[i]);
  go_anywhere();
}

static long free_kilobytes(int node) {
  char path[80];
  snprintf(path, sizeof path, "/sys/devices/system/node/node%d/meminfo", node);
  const char *found = strstr(text_of(path), "MemFree:");
  return found ? atol(found + 8) : 0;
}

// A node that is full: the nearest that has memory serves, of those that the policy names, and that is told.
static void full(void) {
  int node = -1;
  uint64_t among = served(&machine, policy_in_force());
  for (int other = 0; other < most_nodes; other++)
    if (machine.cpus[other] && among >> other & 1 && (node < 0 || free_kilobytes(other) < free_kilobytes(node))) node = other;
  int next = nearest(&machine, node, among, 1);
  long kilobytes = free_kilobytes(node) + 24 * 1024;
  if (free_kilobytes(next) < 64 * 1024) fail("node %d has too little memory for this test", next);
  go_to(__builtin_ctzll(machine.cpus[node]));
  int count = (int)(kilobytes / 1024), first = -1;
  unsigned char **blocks = malloc((size_t)count * sizeof *blocks);
  struct spread before = {0}, after = {0};
  for (int i = 0; i < count; i++) {
    blocks[i] = block_of(mega);
    if (home_of(blocks[i]) != node) fail("a block of a full node has another home");
    struct spread spread = {0};
    add_pages(&spread, blocks[i], mega);
    if (first < 0 && spread.on[node] != spread.all) first = i;
    add_pages(first < 0 ? &before : &after, blocks[i], mega);
  }
  if (first < 0) fail("node %d was never full", node);
  // What the kernel keeps back of the rest is less than half.
  if (first < (count - 24) / 2) fail("node %d was full after %d of %d MiB", node, first, count);
  after.absent += after.on[node], after.on[node] = 0;
  expect_on(&before, node, 1000, "while there is memory");
  expect_on(&after, next, 950, "when the node is full");
  long elsewhere = after.all - after.absent;
  printf("nodes: node %d was full after %d MiB; %ld pages lie elsewhere, on %s\n", node, first, elsewhere, text_of_spread(&after));
  long told = told_elsewhere(node);
  if (told < elsewhere * 98 / 100 || told > elsewhere * 102 / 100 + 64)
    fail("Anax tells of %ld pages on other nodes, and there are %ld", told, elsewhere);
  for (int i = 0; i < count; i++) free(blocks[i]);
  free(blocks);
  anax_purge();
  struct spread spread = {0};
  void *again = block_of(4 * mega);
  add_pages(&spread, again, 4 * mega);
  expect_on(&spread, node, 1000, "when the node has memory again");
  free(again);
  go_anywhere();
}

static void switch_cpu(int cpu, int on) {
  char path[80];
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/online", cpu);
  write_to(path, on ? "1" : "0");
}

static volatile int stop;
// The CPU that comes and goes, and blocks that the visitor has made there.
static int visited;
static volatile long visits;

// False while the CPU is off. Where it goes, the kernel lets its threads run anywhere.
static int visit(void) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(visited, &one);
  return sched_setaffinity(0, sizeof one, &one) == 0;
}

// The visitor, number 0, is on that CPU whenever it is on.
static void *churn(void *number) {
  int visitor = number == NULL;
  unsigned random = (unsigned)(size_t)number * 7919u, turns = 0;
  unsigned char *block[64] = {0};
  size_t size[64];
  while (!stop) {
    random = random * 1103515245u + 12345u;
    unsigned slot = (random >> 16) % 64;
    if (block[slot]) {
      if (block[slot][0] != (unsigned char)slot || block[slot][size[slot] - 1] != (unsigned char)slot) fail("a block changed");
      free(block[slot]);
    }
    size[slot] = 1 + (random >> 4) % ((random >> 8) % 64 == 0 ? 100000 : 600);
    block[slot] = malloc(size[slot]);
    if (!block[slot]) fail("no memory");
    block[slot][0] = block[slot][size[slot] - 1] = (unsigned char)slot;
    if (!visitor) continue;
    if (turns++ % 64 == 0) visit();
    if (sched_getcpu() == visited) visits++;
  }
  for (int slot = 0; slot < 64; slot++) free(block[slot]);
  return NULL;
}

// The CPU was off when the process started: it comes, goes and comes while threads allocate, and then its memory is its node's.
static void late(int cpu) {
  free(malloc(100));
  if (machine.cpus_online >> cpu & 1) fail("CPU %d is on already", cpu);
  visited = cpu;
  pthread_t thread[5];
  for (size_t i = 0; i < 5; i++)
    if (pthread_create(&thread[i], NULL, churn, (void *)i)) fail("pthread_create");
  for (int turn = 0; turn < 3; turn++) {
    switch_cpu(cpu, 1);
    usleep(150000);
    if (turn < 2) switch_cpu(cpu, 0);
    usleep(50000);
  }
  for (int i = 0; i < 400 && !visits; i++) usleep(50000);
  stop = 1;
  for (int i = 0; i < 5; i++) pthread_join(thread[i], NULL);
  printf("nodes: %ld blocks were made on CPU %d\n", visits, cpu);
  if (!visits) fail("no thread has run on CPU %d", cpu);
  machine = read_machine();
  go_anywhere();
  if (!(cpus_allowed() >> cpu & 1)) fail("CPU %d cannot be used", cpu);
  learn_regions();
}

int main(int count, char **arguments) {
  program = "nodes";
  setvbuf(stdout, NULL, _IOLBF, 0);
  machine = read_machine();
  learn_regions();
  for (int i = 1; i < count; i++) {
    const char *name = arguments[i], *value = strchr(name, '=');
    size_t length = value ? (size_t)(value++ - name) : strlen(name);
    if (!strcmp(name, "local")) local();
    else if (!strcmp(name, "home")) home(1);
    else if (!strcmp(name, "homes")) home(0);
    else if (!strcmp(name, "flow")) flow();
    else if (!strcmp(name, "migrate")) migrate();
    else if (!strcmp(name, "full")) full();
    else if (!strcmp(name, "balance")) balance();
    else if (value && !strncmp(name, "late", length)) late(atoi(value));
    else if (value && mode_named(name, length) > 0) policy(mode_named(name, length), bits_of(value));
    else if (value && !strncmp(name, "set", length)) {
      const char *nodes = strchr(value, ':');
      if (!nodes) fail("set what policy for which nodes?");
      set_by_program(mode_named(value, (size_t)(nodes - value)), bits_of(nodes + 1));
    }
    else fail("no case '%s'", name);
    printf("nodes: passed %s\n", name);
  }
  return 0;
}
