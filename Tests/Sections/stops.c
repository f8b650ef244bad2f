// SPDX-License-Identifier: Apache-2.0
// One CPU stops another's section: at each of its instructions in turn a section is held, by a branch to itself written
// over it, and the membarrier of another CPU makes it give up, with nothing done.
#define _GNU_SOURCE
#include "scene.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

static const uint32_t hold = 0x14000000;

enum { idle, asked, begun, done, ended };
// In more turns, on a busy machine, something else would abort a section that nobody stops.
enum { turns = 10 };
static int phase;
static uint64_t result;

static int now_in(void) { return __atomic_load_n(&phase, __ATOMIC_ACQUIRE); }
static void go_to(int next) { __atomic_store_n(&phase, next, __ATOMIC_RELEASE); }

static void *run(void *cpu) {
  if (!stay_on(*(int *)cpu)) abort();
  for (int at; (at = now_in()) != ended;) {
    if (at != asked) continue;
    go_to(begun);
    result = act();
    go_to(done);
  }
  return NULL;
}

bool may_stop_sections(void) {
  return anax_system_call(anax_sys_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0, 0, 0, 0) == 0;
}

bool sections_are_stopped = true;
bool stop_sections(void) {
  if (!sections_are_stopped) return true;
  return anax_system_call(anax_sys_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0, 0, 0, 0) == 0;
}

// 1: stopped. 0: it ended before, since something else aborted it. -1: wrong.
static int hold_at(uint64_t address, bool quiet) {
  static struct state before;
  uint32_t instruction = code_at(address);
  prepare();
  before = scene.now;
  write_code(address, hold);
  go_to(asked);
  // It comes there in a moment, which is longer on a busy machine; not yet there, it is stopped by a later turn.
  while (now_in() == asked) usleep(20);
  usleep(50);
  int verdict = now_in() == done ? 0 : 1;
  for (int i = 0; i < turns && verdict == 1 && now_in() != done; i++) {
    if (!stop_sections()) verdict = complain(quiet, address, "no membarrier");
    usleep(100);
  }
  if (verdict == 1 && now_in() != done) verdict = complain(quiet, address, "another CPU's section was not stopped");
  write_code(address, instruction);
  while (now_in() != done) usleep(20);
  go_to(idle);
  if (verdict == 1 && result) return complain(quiet, address, "it says that it was done, and was stopped");
  // What a push writes into its own item and above a stack's top is nobody else's, and `act` undoes it.
  if (verdict == 1 && memcmp(&before, &scene.now, sizeof before) != 0)
    return complain(quiet, address, "it was stopped, and changed something");
  return verdict;
}

int stop_each(struct rung *rung, enum verb verb, bool quiet) {
  cpu_set_t set;
  int cpus[2], found = 0;
  pthread_t thread;
  set_scene(rung, verb, false);
  sched_getaffinity(0, sizeof set, &set);
  for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
    if (CPU_ISSET(cpu, &set)) cpus[found++] = cpu;
  if (found < 2) return complain(quiet, scene.start, "there is one CPU");
  if (!may_stop_sections())
    return complain(quiet, scene.start, "no membarrier");
  go_to(idle);
  stay_on(cpus[0]);
  if (pthread_create(&thread, NULL, run, &cpus[1]) != 0) abort();
  int count = (int)(scene.end - scene.start) / 4;
  for (uint64_t address = scene.start; address < scene.end && count > 0; address += 4) {
    int verdict = 0;
    for (int i = 0; i < tries && verdict == 0; i++) verdict = hold_at(address, quiet);
    if (verdict == 0) verdict = complain(quiet, address, "it was never held there");
    if (verdict < 0) count = verdict;
  }
  go_to(ended);
  pthread_join(thread, NULL);
  sched_setaffinity(0, sizeof set, &set);
  return count;
}
