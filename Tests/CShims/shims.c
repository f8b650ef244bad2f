// SPDX-License-Identifier: Apache-2.0
// The C layer run on its own: atomics, the bare system call, and every restartable section on an area of this file's own, which
// the kernel does not know. So the sections' arithmetic, bounds and ways out are run for real; that the kernel aborts them when
// the thread is preempted is not. Prints one line and exits 0, or says which check failed.
#include "CAnax.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int checks;
#define CHECK(condition)                                                          \
  do {                                                                            \
    checks++;                                                                     \
    if (!(condition)) {                                                           \
      fprintf(stderr, "shims.c:%d: failed: %s\n", __LINE__, #condition);          \
      exit(1);                                                                    \
    }                                                                             \
  } while (0)

static _Thread_local struct {
  uint32_t cpu_start, cpu;
  uint64_t section;
  uint32_t flags, node, concurrency, unused;
} area __attribute__((aligned(32)));

static uint64_t blocks[6][2 * ANAX_ZONES_MAX];
static uint64_t items[8][2];
enum { zone = 5, other = ANAX_ZONES_MAX + zone, stack = ANAX_WORD_PAGE_STACK, other_stack = ANAX_ZONES_MAX + stack };
enum { row = ANAX_WORD_RUN_ROW, other_row = ANAX_ZONES_MAX + row };

static uint64_t word(void *first, uint64_t room) { return (uint64_t)first << 16 | room; }

static uint64_t top(uint64_t pushes, uint64_t entries) { return pushes << 16 | (entries + 1); }

static uint64_t shared;
static uint64_t spun;

static void *atomics_thread(void *unused) {
  (void)unused;
  for (int i = 0; i < 20000; i++) {
    anax_fetch_add(&shared, 1);
    uint64_t old = anax_load_relaxed(&spun);
    while (!anax_compare_exchange(&spun, &old, old + 1)) anax_pause();
  }
  return NULL;
}

static void atomics(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, atomics_thread, NULL) == 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CHECK(anax_load_acquire(&shared) == 80000);
  CHECK(anax_load_acquire(&spun) == 80000);
  uint64_t value = 6, expected = 5;
  CHECK(!anax_compare_exchange(&value, &expected, 9) && expected == 6 && value == 6);
  CHECK(anax_compare_exchange(&value, &expected, 9) && value == 9);
  CHECK(anax_exchange(&value, 12) == 9 && value == 12);
  CHECK(anax_fetch_or(&value, 3) == 12 && value == 15);
  CHECK(anax_fetch_and(&value, ~1ull) == 15 && value == 14);
  anax_store_release(&value, 1);
  anax_store_relaxed(&value, anax_load_relaxed(&value) + 1);
  CHECK(value == 2);
  uint32_t half = 0;
  anax_store32_relaxed(&half, 77);
  CHECK(anax_load32_relaxed(&half) == 77);
  uint16_t quarter = 0;
  anax_store16_release(&quarter, 9);
  CHECK(anax_load16_relaxed(&quarter) == 9 && anax_load16_acquire(&quarter) == 9);
  uint64_t before = anax_ticks();
  anax_fence();
  for (int i = 0; i < 1000; i++) anax_pause();
  CHECK(anax_ticks() >= before);
}

static void kernel(void) {
  CHECK(anax_system_call(anax_sys_getpid, 0, 0, 0, 0, 0, 0) == getpid());
  CHECK(anax_system_call(anax_sys_close, -1, 0, 0, 0, 0, 0) == -EBADF);
  long at = anax_system_call(anax_sys_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK((unsigned long)at < -4096ul);
  *(char *)at = 1;
  CHECK(anax_system_call(anax_sys_munmap, at, 4096, 0, 0, 0, 0) == 0);
  CHECK(anax_page_bytes() >= 4096);
  // Half to twice the truth on x86-64, and a busy machine sleeps longer.
  uint64_t start = anax_ticks();
  usleep(50000);
  uint64_t milliseconds = (anax_ticks() - start) / anax_ticks_per_millisecond();
  CHECK(milliseconds >= 20 && milliseconds < 1000);
}

// Before the engine has opened a rung nothing may be read through an area.
static void closed(void) {
  CHECK(anax_state()->cpu_limit == 0);
  CHECK(anax_rseq_cpu() == 0xffffffffu);
  CHECK(anax_rseq_live_bytes() <= anax_rseq_bytes() + 12);
}

#define SECTIONS(rung)                                                                                       \
  static void rung##_sections(uint64_t *own, uint64_t *other_block) {                                        \
    uint64_t taken;                                                                                          \
    own[zone] = 0;                                                                                           \
    CHECK(anax_##rung##_pop(zone) == NULL);                                                                  \
    CHECK(!anax_##rung##_push(zone, items[0])); /* no list yet */                                            \
    CHECK(anax_##rung##_take(zone, 2, &taken) && taken == 0 && own[zone] == 2);                              \
    CHECK(anax_##rung##_pop(zone) == NULL && own[zone] == 2);                                                \
    CHECK(anax_##rung##_push(zone, items[0]) && own[zone] == word(items[0], 1));                             \
    CHECK(anax_##rung##_push(zone, items[1]) && own[zone] == word(items[1], 0));                             \
    CHECK(items[1][0] == word(items[0], 1) && items[0][0] == 2);                                             \
    CHECK(!anax_##rung##_push(zone, items[2]) && own[zone] == word(items[1], 0)); /* full */                 \
    CHECK(!anax_##rung##_put(zone, word(items[3], 1)));                           /* not empty */            \
    CHECK(anax_##rung##_pop(zone) == items[1] && own[zone] == word(items[0], 1));                            \
    CHECK(anax_##rung##_take(zone, 7, &taken) && taken == word(items[0], 1) && own[zone] == 7);              \
    CHECK(anax_##rung##_put(zone, word(items[4], 3)) && own[zone] == word(items[4], 3));                     \
    CHECK(anax_##rung##_take(zone, 0xffff, &taken) && own[zone] == 0xffff);                                  \
    CHECK(anax_##rung##_push(zone, items[5]) && own[zone] == word(items[5], 0xfffe));                        \
    own[zone] = 40;                                                                                          \
    CHECK(anax_##rung##_add(zone, 2) && own[zone] == 42);                                                    \
    CHECK(anax_##rung##_add(zone, (uint64_t)-3) && own[zone] == 39);                                         \
    CHECK(anax_##rung##_take(other, 3, &taken) && own[other] == 3); /* another node's list of this block */  \
    CHECK(anax_##rung##_push(other, items[6]) && own[other] == word(items[6], 2));                           \
    CHECK(anax_##rung##_stack_pop(stack) == 0); /* no stack yet */                                           \
    CHECK(!anax_##rung##_stack_push(stack, 7, 3) && own[stack] == 0);                                        \
    CHECK(anax_##rung##_stack_open(stack) && own[stack] == top(0, 0));                                       \
    CHECK(!anax_##rung##_stack_open(stack) && own[stack] == top(0, 0)); /* there is one */                   \
    CHECK(anax_##rung##_stack_pop(stack) == 0 && own[stack] == top(0, 0)); /* empty */                       \
    CHECK(!anax_##rung##_stack_push(stack, 7, 0) && own[stack] == top(0, 0)); /* room for none */            \
    for (uint64_t i = 0; i < 3; i++) {                                                                       \
      CHECK(anax_##rung##_stack_push(stack, 0x7000000000000001 + i, 3) && own[stack] == top(i + 1, i + 1));  \
      CHECK(own[ANAX_WORD_PAGE_STACK_ENTRIES + i] == 0x7000000000000001 + i);                                \
    }                                                                                                        \
    CHECK(!anax_##rung##_stack_push(stack, 9, 3) && own[stack] == top(3, 3)); /* full */                     \
    CHECK(own[ANAX_WORD_PAGE_STACK_ENTRIES + 3] == 0);                                                       \
    CHECK(anax_##rung##_stack_pop(stack) == 0x7000000000000003 && own[stack] == top(3, 2));                  \
    CHECK(anax_##rung##_stack_push(stack, 11, 3) && own[stack] == top(4, 3)); /* where that was */           \
    CHECK(own[ANAX_WORD_PAGE_STACK_ENTRIES + 2] == 11);                                                      \
    own[ANAX_WORD_PAGE_STACK_CLOSED] = 1;                                                                    \
    CHECK(anax_##rung##_stack_pop(stack) == 0 && !anax_##rung##_stack_push(stack, 12, 64));                  \
    CHECK(own[stack] == top(4, 3) && own[ANAX_WORD_PAGE_STACK_CLOSED] == 1);                                 \
    own[ANAX_WORD_PAGE_STACK_CLOSED] = 0;                                                                    \
    CHECK(anax_##rung##_stack_pop(stack) == 11 && anax_##rung##_stack_pop(stack) == 0x7000000000000002);     \
    CHECK(anax_##rung##_stack_pop(stack) == 0x7000000000000001 && own[stack] == top(4, 0));                  \
    CHECK(anax_##rung##_stack_pop(stack) == 0 && own[stack] == top(4, 0));                                   \
    own[stack] = top(0xffffffffffff, 0); /* the count of pushes begins anew */                               \
    CHECK(anax_##rung##_stack_push(stack, 13, 64) && own[stack] == top(0, 1));                               \
    for (uint64_t i = 1; i < ANAX_PAGE_STACK_MOST; i++) CHECK(anax_##rung##_stack_push(stack, i, 64));       \
    CHECK(!anax_##rung##_stack_push(stack, 14, 64) && own[stack] == top(63, 64));                            \
    CHECK(own[ANAX_WORD_PAGE_STACK_ENTRIES] == 13 && own[ANAX_WORD_PAGE_STACK_ENTRIES + 63] == 63);          \
    CHECK(own[ANAX_WORD_PAGE_STACK_ENTRIES + 64] == 0);                                                      \
    CHECK(!anax_##rung##_stack_push(other_stack, 15, 64)); /* none in another node's part of this block */   \
    CHECK(!anax_##rung##_replace(row, 1, 0, 7) && own[row + 1] == 0); /* no row yet */                       \
    CHECK(anax_##rung##_stack_open(row) && own[row] == 1);                                                   \
    for (uint64_t i = 1; i <= ANAX_RUN_ROW_SLOTS; i++) {                                                     \
      CHECK(!anax_##rung##_replace(row, i, 1, 7) && own[row + i] == 0); /* another lies there */             \
      CHECK(anax_##rung##_replace(row, i, 0, 0x7000000000000001 + i) && own[row + i] == 0x7000000000000001 + i);\
      CHECK(!anax_##rung##_replace(row, i, 1 + i, 7) && !anax_##rung##_replace(row, i, 0, 7));               \
      CHECK(own[row] == 1 && own[row + i] == 0x7000000000000001 + i);                                        \
    }                                                                                                        \
    CHECK(own[row + ANAX_RUN_ROW_SLOTS + 1] == 0);                                                           \
    CHECK(anax_##rung##_replace(row, 3, 0x7000000000000004, 9) && own[row + 3] == 9);                        \
    CHECK(anax_##rung##_replace(row, 3, 9, 0) && own[row + 3] == 0);                                         \
    own[row] = 2; /* closed */                                                                               \
    CHECK(!anax_##rung##_replace(row, 3, 0, 7) && own[row + 3] == 0);                                        \
    CHECK(!anax_##rung##_replace(row, 4, 0x7000000000000005, 0) && own[row + 4] == 0x7000000000000005);      \
    CHECK(!anax_##rung##_replace(other_row, 1, 0, 7)); /* none in another node's part of this block */       \
    for (int i = ANAX_ZONES_MAX; i < 2 * ANAX_ZONES_MAX; i++) CHECK(own[i] == (i == other ? word(items[6], 2) : 0));\
    for (int i = 0; i < 2 * ANAX_ZONES_MAX; i++) CHECK(other_block[i] == 0);                                 \
    for (int i = 0; i < 2 * ANAX_ZONES_MAX; i++) own[i] = 0;                                                 \
  }                                                                                                          \
  static void rung##_gives_up(void) {                                                                        \
    uint64_t taken = 1;                                                                                      \
    CHECK(anax_##rung##_pop(zone) == NULL && !anax_##rung##_push(zone, items[0]));                           \
    CHECK(!anax_##rung##_take(zone, 9, &taken) && taken == 1);                                               \
    CHECK(!anax_##rung##_put(zone, 9) && !anax_##rung##_add(zone, 1));                                       \
    CHECK(!anax_##rung##_stack_open(stack) && !anax_##rung##_stack_push(stack, 7, 64));                      \
    CHECK(anax_##rung##_stack_pop(stack) == 0 && !anax_##rung##_replace(row, 1, 0, 7));                      \
    for (int i = 0; i < ANAX_NODES_MAX * ANAX_ZONES_MAX; i++) CHECK(anax_empty()[i] == 0);                   \
  }
SECTIONS(cache)
SECTIONS(concurrency)

int main(void) {
  atomics();
  kernel();
  closed();
  struct anax_state *state = anax_state();
#if defined(__aarch64__)
  state->rseq_offset = (char *)&area - anax_rseq_area(0);
#else
  char *thread;
  __asm__("movq %%fs:0, %0" : "=r"(thread));
  state->rseq_offset = (char *)&area - thread;
#endif
  state->node_count = 2;
  state->cpu_limit = 3;
  uint64_t empty = (uint64_t)anax_empty();
  for (int i = 0; i < 6; i++) {
    anax_allocate_table()[i] = anax_release_table()[i] = empty;
    anax_concurrency_allocate_table()[i] = anax_concurrency_release_table()[i] = empty;
  }
  area.cpu = area.node = area.concurrency = 1;
  cache_gives_up();
  concurrency_gives_up();
  CHECK(anax_rseq_cpu() == 1 && anax_rseq_read_node(state->rseq_offset) == 1);
  CHECK(anax_rseq_read_concurrency(state->rseq_offset) == 1);

  // Rung B: CPU 1, which is on node 0, so that both tables say the block's start.
  anax_allocate_table()[0] = anax_release_table()[0] = (uint64_t)blocks[0];
  anax_allocate_table()[1] = anax_release_table()[1] = (uint64_t)blocks[1];
  cache_sections(blocks[1], blocks[0]);
  concurrency_gives_up();
  uint32_t ids[] = {3, 4096, 0xffffffffu, 0xfffffffeu};
  for (int i = 0; i < 4; i++) {
    area.cpu = ids[i];
    cache_gives_up();
  }

  // Rung A: node 1 of 2, concurrency id 2 of 3: index 5.
  area.cpu = 0;
  area.concurrency = 2;
  for (int i = 0; i < 4; i++) anax_allocate_table()[i] = anax_release_table()[i] = empty;
  for (int i = 0; i < 6; i++) anax_concurrency_release_table()[i] = (uint64_t)blocks[i];
  for (int i = 0; i < 6; i++) anax_concurrency_allocate_table()[i] = (uint64_t)blocks[i];
  concurrency_sections(blocks[5], blocks[2]);
  area.node = 0;
  area.concurrency = 1;
  concurrency_sections(blocks[1], blocks[3]);
  cache_gives_up();
  for (int i = 0; i < 4; i++) {
    area.node = i == 0 ? 2 : ids[i];
    concurrency_gives_up();
    area.node = 0;
    area.concurrency = ids[i];
    concurrency_gives_up();
    area.concurrency = 0;
    area.cpu = ids[i];
    concurrency_gives_up();
    area.cpu = 0;
  }
  printf("shims: %d checks hold; the C library's area has %llu bytes\n", checks, (unsigned long long)anax_rseq_bytes());
  return 0;
}
