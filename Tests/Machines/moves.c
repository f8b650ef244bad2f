// SPDX-License-Identifier: Apache-2.0
// Runs in a virtual machine with the library preloaded: what depends on the kernel's version. Blocks of several mappings moved by
// mremap, a limit on address space that is set late, threads and forks at all this.
// Prints "moves: passed" last; else what was wrong, and ends with 1.
#include "judge.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern ptrdiff_t anax_purge(void) __attribute__((weak));

// The mappings of the process, and whether there is a hole between two addresses. Read whole first: it changes while it is read.
static char maps[1 << 20];

static int read_maps(void) {
  int file = open("/proc/self/maps", O_RDONLY), lines = 0;
  size_t length = 0;
  if (file < 0) fail("/proc/self/maps");
  for (;;) {
    ssize_t count = read(file, maps + length, sizeof maps - 1 - length);
    if (count <= 0) break;
    length += (size_t)count;
  }
  close(file);
  maps[length] = 0;
  for (size_t i = 0; i < length; i++) lines += maps[i] == '\n';
  return lines;
}

static void check_no_hole(uintptr_t low, uintptr_t high, const char *when) {
  read_maps();
  uintptr_t reached = low;
  for (char *line = maps; *line; line = strchr(line, '\n') + 1) {
    uintptr_t start, end;
    if (sscanf(line, "%lx-%lx", &start, &end) != 2) fail("a line of the maps");
    if (end <= reached) continue;
    if (start > reached) fail("a hole at %lx in %lx-%lx, %s", (long)reached, (long)low, (long)high, when);
    reached = end;
    if (reached >= high) return;
  }
  fail("no mapping at %lx, %s", (long)reached, when);
}

struct range {
  uintptr_t low, high;
};

static void widen(struct range *range, void *block, size_t bytes) {
  uintptr_t start = (uintptr_t)block & ~(uintptr_t)(page - 1), end = ((uintptr_t)block + bytes) & ~(uintptr_t)(page - 1);
  if (!range->low || start < range->low) range->low = start;
  if (end > range->high) range->high = end;
}

static void mark(unsigned char *block, size_t from, size_t to, unsigned seed) {
  for (size_t at = from; at + 8 <= to; at += page / 2) memcpy(block + at, &(uint64_t){at ^ seed}, 8);
}

static void check(unsigned char *block, size_t to, unsigned seed, const char *when) {
  for (size_t at = 0; at + 8 <= to; at += page / 2) {
    uint64_t value;
    memcpy(&value, block + at, 8);
    if (value != (at ^ seed)) fail("a block of %zu bytes lost its contents at %zu, %s", to, at, when);
  }
}

// Blocks grow with others in their way, as one mapping and cut into several.
static void moves(int rounds) {
  enum { slots = 4 };
  unsigned char *block[slots] = {0};
  size_t size[slots] = {0};
  struct range range = {0, 0};
  unsigned random = 7;
  int moved = 0, first = read_maps();
  for (int i = 0; i < rounds; i++) {
    random = random * 1103515245u + 12345u;
    unsigned slot = (random >> 16) % slots;
    if (!block[slot] || size[slot] > 12u * mega) {
      free(block[slot]);
      size[slot] = 4u * mega + (random >> 8) % mega;
      block[slot] = malloc(size[slot]);
      if (!block[slot]) fail("no memory");
      mark(block[slot], 0, size[slot], slot);
    } else {
      if (random >> 20 & 1) {
        uintptr_t middle = ((uintptr_t)block[slot] + size[slot] / 3) & ~(uintptr_t)(page - 1);
        madvise((void *)middle, size[slot] / 3 & ~(size_t)(page - 1), MADV_DONTDUMP);
      }
      size_t grown = size[slot] + size[slot] / 3 + (random >> 10) % 40000;
      unsigned char *larger = realloc(block[slot], grown);
      if (!larger) fail("no memory to grow");
      moved += larger != block[slot];
      check(larger, size[slot] & ~(size_t)(page - 1), slot, "after it grew");
      mark(larger, 0, grown, slot);
      block[slot] = larger;
      size[slot] = grown;
    }
    widen(&range, block[slot], size[slot]);
    if (i % 50 == 49) check_no_hole(range.low, range.high, "after moves");
  }
  for (int slot = 0; slot < slots; slot++) {
    if (block[slot]) check(block[slot], size[slot] & ~(size_t)(page - 1), (unsigned)slot, "at the end");
    free(block[slot]);
  }
  anax_purge();
  check_no_hole(range.low, range.high, "after a purge");
  if (moved < rounds / 8) fail("only %d blocks moved", moved);
  int last = read_maps();
  printf("moves: %d of %d blocks moved, %d mappings before, %d after\n", moved, rounds, first, last);
  // MADV_DONTDUMP of this program's own stays where pages were not mapped anew.
  if (last > first + 200) fail("%d mappings are left", last);
}

// In a child: the limit is the process's for good.
static void late_limit(void) {
  pid_t child = fork();
  if (child == 0) {
    struct range range = {0, 0};
    unsigned char *block = malloc(8 * mega);
    if (!block) fail("no memory");
    mark(block, 0, 8 * mega, 1);
    widen(&range, block, 8 * mega);
    void *wall = malloc(300000);
    struct rlimit limit = {(rlim_t)1 << 30, RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit)) fail("setrlimit");
    if (mmap(NULL, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) fail("the limit does not bind");
    for (int i = 0; i < 4; i++) {
      block = realloc(block, (size_t)(12 + i * 8) * mega);
      if (!block) fail("no memory to grow under a limit");
      check(block, 8 * mega, 1, "under a limit");
      widen(&range, block, (size_t)(12 + i * 8) * mega);
      check_no_hole(range.low, range.high, "under a limit");
    }
    free(wall);
    free(block);
    _exit(0);
  }
  int status = 1;
  if (waitpid(child, &status, 0) != child || status != 0) fail("the child under a limit ended with %d", status);
}

static void *at_work(void *number) {
  unsigned random = (unsigned)(size_t)number * 7919u;
  unsigned char *block[32] = {0};
  size_t size[32];
  for (int i = 0; i < 6000; i++) {
    random = random * 1103515245u + 12345u;
    unsigned slot = (random >> 16) % 32;
    if (block[slot]) {
      if (block[slot][0] != (unsigned char)slot || block[slot][size[slot] - 1] != (unsigned char)slot) fail("a block changed");
      free(block[slot]);
    }
    size[slot] = 1 + (random >> 4) % ((random >> 8) % 16 == 0 ? 200000 : 900);
    block[slot] = malloc(size[slot]);
    if (!block[slot]) fail("no memory");
    block[slot][0] = block[slot][size[slot] - 1] = (unsigned char)slot;
    if (i % 2000 == 1999) anax_purge();
  }
  for (int slot = 0; slot < 32; slot++) free(block[slot]);
  return NULL;
}

static void threads(void) {
  pthread_t thread[6];
  for (size_t i = 0; i < 6; i++)
    if (pthread_create(&thread[i], NULL, at_work, (void *)(i + 1))) fail("pthread_create");
  for (int turn = 0; turn < 4; turn++) {
    pid_t child = fork();
    if (child == 0) {
      at_work((void *)77);
      moves(16);
      _exit(0);
    }
    int status = 1;
    if (waitpid(child, &status, 0) != child || status != 0) fail("the child of a fork ended with %d", status);
  }
  for (int i = 0; i < 6; i++) pthread_join(thread[i], NULL);
}

int main(void) {
  program = "moves";
  setvbuf(stdout, NULL, _IOLBF, 0);
  moves(400);
  late_limit();
  threads();
  printf("moves: passed\n");
  return 0;
}
