// SPDX-License-Identifier: Apache-2.0
// All sections of a rung at once: threads that stay on a CPU, threads that the kernel moves, threads that move
// themselves, one that stops all others, and a timer for each, whose handler uses the same words. At the end everything
// is counted.
#define _GNU_SOURCE
#include "blocks.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  threads_most = 3 * cpus_most + 1,
  enough = 3,  // aborts of each section
  pause_nanoseconds = 700000,
};

enum habit { stays, moves, moved, closes };

struct thread {
  pthread_t thread;
  enum habit habit;
  int cpu;
  timer_t timer;
  uint64_t random, handler_random;
  struct hands *own, *handlers;
};

static struct rung *rung;
static struct thread threads[threads_most];
static struct hands hands[2 * threads_most];
static int cpus[cpus_most], cpu_count;
static uint64_t *aborts, signals;
static bool stop;
static __thread struct thread *current;

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void on_timer(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
  __atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
  do_something(current->handlers, &current->handler_random);
  do_something(current->handlers, &current->handler_random);
}

static void *run(void *argument) {
  struct thread *thread = current = argument;
  if (thread->habit == stays) stay_on(cpus[thread->cpu]);
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
  event._sigev_un._tid = gettid();
  // Of different lengths, so that they do not come together.
  long pause = pause_nanoseconds + (long)(thread - threads) * 17000;
  struct itimerspec often = {.it_interval.tv_nsec = pause, .it_value.tv_nsec = pause};
  if (timer_create(CLOCK_MONOTONIC, &event, &thread->timer) != 0) wrong();
  timer_settime(thread->timer, 0, &often, NULL);
  for (uint64_t turn = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED) && !is_wrong(); turn++) {
    if (thread->habit == moves && turn % 4096 == 0) stay_on(cpus[next(&thread->random) % (uint64_t)cpu_count]);
    if (thread->habit == closes && turn % 256 == 0) close_something(thread->own, &thread->random);
    do_something(thread->own, &thread->random);
  }
  timer_delete(thread->timer);
  return NULL;
}

static bool all_aborted(uint64_t least) {
  for (int verb = 0; verb < verbs; verb++)
    if (__atomic_load_n(&aborts[verb], __ATOMIC_RELAXED) < least) return false;
  return true;
}

static void tell(int count, double took) {
  uint64_t all = 0;
  for (int verb = 0; verb < verbs; verb++) all += aborts[verb];
  printf("sections: %s: %d threads, %.1f s, %lu signals, %lu aborts (and what was done):", rung->name, count, took,
         signals, all);
  for (int verb = 0; verb < verbs; verb++) {
    uint64_t done = 0;
    for (int i = 0; i < 2 * count; i++) done += hands[i].done[verb];
    printf(" %s %lu (%lu)", rung->sections[verb].name, aborts[verb], done);
  }
  printf("\n");
}

enum verdict stress(int number, double least, double most, bool quiet) {
  cpu_set_t set;
  int count = 0;
  rung = &all_rungs[number];
  aborts = abort_counts[number];
  cpu_count = 0;
  stop = false;
  signals = 0;
  memset(hands, 0, sizeof hands);
  sched_getaffinity(0, sizeof set, &set);
  for (int cpu = 0; cpu < cpus_most; cpu++)
    if (CPU_ISSET(cpu, &set)) cpus[cpu_count++] = cpu;
  if (!may_stop_sections()) {
    printf("sections: failed: no membarrier\n");
    return not_aborted;
  }
  prepare_blocks(rung, (uint64_t)cpus[cpu_count - 1] + 1);
  for (int i = 0; i < cpu_count; i++)
    for (int habit = stays; habit <= moved; habit++)
      threads[count++] = (struct thread){.habit = (enum habit)habit, .cpu = i};
  threads[count++] = (struct thread){.habit = closes};
  for (int i = 0; i < 2 * count; i++) prepare_hands(&hands[i]);
  for (uint64_t i = 0; i < things_most; i++) {
    struct hands *to = &hands[i % (uint64_t)(2 * count)];
    keep(&to->items, i);
    keep(&to->entries, i);
    keep(&to->runs, i);
  }
  struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  double start = seconds(), now = start;
  for (int i = 0; i < count; i++) {
    threads[i].own = &hands[2 * i];
    threads[i].handlers = &hands[2 * i + 1];
    threads[i].random = 88172645463325252ull + (uint64_t)i * 7919;
    threads[i].handler_random = threads[i].random ^ 0x5555;
    if (pthread_create(&threads[i].thread, NULL, run, &threads[i]) != 0) abort();
  }
  while (!is_wrong() && (now - start < least || (now - start < most && !all_aborted(enough)))) {
    usleep(50000);
    now = seconds();
  }
  __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
  for (int i = 0; i < count; i++) pthread_join(threads[i].thread, NULL);
  if (!quiet) tell(count, seconds() - start);
  if (!settle(hands, 2 * count, quiet)) return lost_or_twice;
  if (all_aborted(1)) return whole;
  if (!quiet) printf("sections: failed: %s: not every section was aborted\n", rung->name);
  return not_aborted;
}
