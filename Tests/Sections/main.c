// SPDX-License-Identifier: Apache-2.0
// Whether sections abort and leave everything whole, on a kernel that aborts them; also as a machine's first and only
// process. Each part runs in a child, since init may not die. Arguments: `short` breaks all sections at once and not
// each alone beside threads, `coarse` says that interruptions do not come at each instruction, `seconds=N` is for how
// long threads run.
#define _GNU_SOURCE
#include "sections.h"

#include <sched.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static double duration = 2;
static bool is_short, is_coarse;
static int failures;

enum { seen = 3, seconds_most = 200 };

// Runs it in a child; an alarm ends what hangs. Tells how the child ended, with its exit status or 128 and more.
static int in_child(int (*part)(int, int, int), int a, int b, int c) {
  fflush(stdout);
  int child = fork(), status = 0;
  if (child < 0) abort();
  if (child == 0) {
    alarm(seconds_most);
    int result = part(a, b, c);
    fflush(stdout);
    _exit(result);
  }
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void expect(int status, const char *what, int rung) {
  if (status == 0) return;
  printf("sections: failed: %s, %s, ended with %d\n", all_rungs[rung].name, what, status);
  failures++;
}

static int steps(int rung, int unused, int unused2) {
  (void)unused, (void)unused2;
  int interrupted = 0, stopped = 0;
  for (int verb = 0; verb < verbs; verb++) {
    int count = step_through(&all_rungs[rung], (enum verb)verb, false);
    if (count < 0) return 1;
    interrupted += count;
    count = stop_each(&all_rungs[rung], (enum verb)verb, false);
    if (count < 0) return 1;
    stopped += count;
  }
  printf("sections: %s: %d sections, aborted at each of %d instructions by a signal, of %d by another CPU\n",
         all_rungs[rung].name, verbs, interrupted, stopped);
  return 0;
}

static int threads(int rung, int unused, int unused2) {
  (void)unused, (void)unused2;
  count_aborts(rung);
  return (int)stress(rung, duration, duration + (is_coarse ? 100 : 20), false);
}

// One section, or all of a rung, broken: `seen` is well.
static int broken_steps(int rung, int verb, int way) {
  break_section(&all_rungs[rung].sections[verb], (enum way)way);
  return step_through(&all_rungs[rung], (enum verb)verb, true) < 0 ? seen : 0;
}
static int broken_threads(int rung, int verb, int way) {
  for (int each = 0; each < verbs; each++)
    if (verb == verbs || verb == each) break_section(&all_rungs[rung].sections[each], (enum way)way);
  // What is lost shows at the end alone.
  for (int i = 0; i < 8; i++)
    if (stress(rung, 1.5, 1.5, true) == lost_or_twice) return seen;
  return 0;
}

static int unstopped(int rung, int verb, int unused) {
  (void)unused;
  sections_are_stopped = false;
  return stop_each(&all_rungs[rung], (enum verb)verb, true) < 0 ? seen : 0;
}

static void broken(int rung) {
  int count = 0, passed = 0;
  for (int way = 0; way < ways; way++) {
    for (int verb = 0; verb < verbs; verb++, count++) {
      // The kernel ends a process whose signature it does not find.
      int status = in_child(broken_steps, rung, verb, way);
      if (status == (way == way_signature ? 128 + SIGSEGV : seen)) passed++;
      else printf("sections: failed: %s %s, broken (%s), ended with %d\n", all_rungs[rung].name,
                  all_rungs[rung].sections[verb].name, break_names[way], status);
    }
  }
  for (int verb = 0; verb < verbs; verb++, count++) {
    int status = in_child(unstopped, rung, verb, 0);
    if (status == seen) passed++;
    else printf("sections: failed: %s %s, not stopped, ended with %d\n", all_rungs[rung].name,
                all_rungs[rung].sections[verb].name, status);
  }
  printf("sections: %s: %d of %d breaks seen by steps\n", all_rungs[rung].name, passed, count);
  failures += count - passed;
}

// Not the ways that need two interruptions of one section, nor the last, which needs none. Where interruptions come
// between blocks of translated code alone, as in a machine that is emulated with a thread for each CPU, only those
// whose whole range is open.
static void broken_beside_threads(int rung) {
  static const enum way shown[] = {way_unarmed, way_success, way_signature, way_short, way_long};
  int count = 0, passed = 0;
  for (int i = 0; i < (is_coarse ? 3 : 5); i++) {
    // Alone, a section that is only a little open does not show in seconds.
    for (int verb = is_short || i > 1 ? verbs : 0; verb <= verbs; verb++, count++) {
      int status = in_child(broken_threads, rung, verb, (int)shown[i]);
      // What was given twice may lead anywhere.
      if (status == seen || status == 128 + SIGSEGV || status == 128 + SIGBUS) passed++;
      else printf("sections: failed: %s %s, broken (%s), beside threads, ended with %d\n", all_rungs[rung].name,
                  verb == verbs ? "all" : all_rungs[rung].sections[verb].name, break_names[shown[i]], status);
    }
  }
  printf("sections: %s: %d of %d breaks seen by threads\n", all_rungs[rung].name, passed, count);
  failures += count - passed;
}

// As the threads' area and the kernel tell it, going from CPU to CPU.
static void describe(void) {
  struct utsname name;
  cpu_set_t all;
  unsigned cpu, node, cpus = 0, wrong = 0;
  uint64_t seen_nodes = 0;
  uname(&name);
  sched_getaffinity(0, sizeof all, &all);
  for (int i = 0; i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, &all)) continue;
    if (!stay_on(i)) abort();
    getcpu(&cpu, &node);
    cpus++;
    seen_nodes |= 1ull << (node & 63);
    int64_t area = anax_state()->rseq_offset;
    if (anax_rseq_read_cpu(area) != cpu) wrong++;
    else if (rung_is_there(rung_concurrency) && anax_rseq_read_node(area) != node) wrong++;
  }
  // Of a large machine these are enough, and there are blocks for no others.
  for (int i = cpus_most; i < CPU_SETSIZE; i++) CPU_CLR(i, &all);
  if (sched_setaffinity(0, sizeof all, &all) != 0) {
    printf("sections: failed: no CPU below %d is this process's to use\n", cpus_most);
    exit(1);
  }
  printf("kernel: %s, pages of %lu, %u CPUs, %d nodes\n", name.release, anax_page_bytes(), cpus,
         __builtin_popcountll(seen_nodes));
  if (wrong) printf("sections: failed: the area tells another CPU or node on %u CPUs\n", wrong);
  failures += (int)wrong;
}

int main(int count, char **arguments) {
  bool is_init = getpid() == 1;
  for (int i = 1; i < count; i++) {
    if (strcmp(arguments[i], "short") == 0) is_short = true;
    if (strcmp(arguments[i], "coarse") == 0) is_coarse = true;
    if (strncmp(arguments[i], "seconds=", 8) == 0) duration = atof(arguments[i] + 8);
  }
  find_sections();
  describe();
  for (int rung = 0; rung < rungs; rung++) {
    if (!rung_is_there(rung)) {
      printf("sections: %s: this kernel does not tell threads what it needs\n", all_rungs[rung].name);
      continue;
    }
    expect(in_child(steps, rung, 0, 0), "steps", rung);
    expect(in_child(threads, rung, 0, 0), "threads", rung);
    // Nothing can be learned of breaks from what is broken already.
    if (failures) continue;
    broken(rung);
    broken_beside_threads(rung);
  }
  printf(failures ? "sections: %d failed\n" : "sections: passed\n", failures);
  printf("end of the tests\n");
  fflush(stdout);
  if (is_init) reboot(RB_POWER_OFF);
  return failures != 0;
}
