// SPDX-License-Identifier: Apache-2.0
// Threads, forks and signals.
#include "load.h"

#include "CAnaxMalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int stop;

static void *work(void *seed) {
  struct load load = {.random = (uint64_t)(uintptr_t)seed * 0x9E3779B97F4A7C15};
  for (int i = 0; i < 60000; i++) load_step(&load);
  load_end(&load);
  return NULL;
}

int probe_work(void) {
  pthread_t thread[4];
  for (uintptr_t i = 0; i < 4; i++) {
    if (pthread_create(&thread[i], NULL, work, (void *)(i + 1))) fail("pthread_create");
  }
  for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
  return 1;
}

static void *work_until_stop(void *seed) {
  struct load load = {.random = (uint64_t)(uintptr_t)seed * 0x9E3779B97F4A7C15};
  while (!stop) load_step(&load);
  load_end(&load);
  return NULL;
}

int probe_fork(void) {
  pthread_t thread[4];
  for (uintptr_t i = 0; i < 4; i++) pthread_create(&thread[i], NULL, work_until_stop, (void *)(i + 1));
  for (int turn = 0; turn < 60; turn++) {
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
      alarm(20);
      struct load load = {.random = 77 + (uint64_t)turn};
      for (int i = 0; i < 5000; i++) load_step(&load);
      load_end(&load);
      malloc_trim(0);
      // A thread of the child's own.
      pthread_t own;
      stop = 1;
      if (pthread_create(&own, NULL, work_until_stop, (void *)9)) _exit(3);
      pthread_join(own, NULL);
      _exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) fail("a forked child did not end well");
  }
  stop = 1;
  for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
  return 1;
}

static volatile unsigned long handled;
static void *volatile kept[64];

static void on_alarm(int number) {
  (void)number;
  int saved = errno;
  unsigned long turn = handled++;
  unsigned char *block = malloc(turn % 2000 + 1);
  if (!block) abort();
  memset(block, 0xA5, turn % 2000 + 1);
  void *old = kept[turn % 64];
  kept[turn % 64] = block;
  free(old);
  errno = saved;
}

int probe_storm(void) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  // Not nested: `kept` is the handler's alone, whichever thread it interrupts.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  sigaction(SIGALRM, &action, NULL);
  pthread_t thread[2];
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  for (uintptr_t i = 0; i < 2; i++) pthread_create(&thread[i], NULL, work_until_stop, (void *)(i + 1));
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  struct itimerval timer = {{0, 100}, {0, 100}};
  setitimer(ITIMER_REAL, &timer, NULL);
  struct load load = {.random = 5};
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  // Two seconds; on a busy machine signals are fewer.
  do {
    for (int i = 0; i < 1000; i++) load_step(&load);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec - start.tv_sec < 2 || (handled < 500 && now.tv_sec - start.tv_sec < 60));
  timer = (struct itimerval){{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &timer, NULL);
  stop = 1;
  for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
  load_end(&load);
  if (handled < 500) fail("the handler hardly ran");
  return 1;
}

static void *short_life(void *unused) {
  (void)unused;
  void **blocks = malloc(64 * sizeof(void *));
  if (!blocks) fail("no memory");
  for (int i = 0; i < 64; i++) {
    blocks[i] = malloc((size_t)i * 40 + 1);
    if (!blocks[i]) fail("no memory");
    memset(blocks[i], i, (size_t)i * 40 + 1);
  }
  for (int i = 0; i < 64; i += 2) free(blocks[i]);
  return blocks;
}

// Without malloc, on whose slow paths decay would ride.
static long resident(void) {
  char text[100] = {0};
  int file = open("/proc/self/statm", O_RDONLY);
  if (file < 0 || read(file, text, sizeof text - 1) <= 0) fail("/proc/self/statm");
  close(file);
  char *second = strchr(text, ' ');
  return second ? strtol(second, NULL, 10) * sysconf(_SC_PAGESIZE) : 0;
}

int probe_churn(void) {
  long early = 0;
  for (int turn = 0; turn < 500; turn++) {
    pthread_t thread[8];
    for (int i = 0; i < 8; i++) {
      if (pthread_create(&thread[i], NULL, short_life, NULL)) fail("pthread_create");
    }
    for (int i = 0; i < 8; i++) {
      void **blocks = NULL;
      pthread_join(thread[i], (void **)&blocks);
      for (int j = 1; j < 64; j += 2) {
        if (*(unsigned char *)blocks[j] != j) fail("a dead thread's block changed");
        free(blocks[j]);
      }
      free(blocks);
    }
    if (turn == 50) early = resident();
  }
  // 3600 threads later.
  if (resident() > early + (8 << 20)) fail("memory grows with the number of threads that ever lived");
  return 1;
}

static void *outlive(void *unused) {
  (void)unused;
  usleep(300000);
  free(malloc(100));
  puts("ok");
  fflush(stdout);
  return NULL;
}

/// The process must end when its last thread does, though there is a helper.
int probe_last_thread(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, outlive, NULL);
  pthread_detach(thread);
  pthread_exit(NULL);
}

static void *fork_and_outlive(void *unused) {
  (void)unused;
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    // This is the child's main thread, and has its helper.
    int error = anax_helper_start();
    if (error) fail("anax_helper_start");
    pthread_t thread;
    pthread_create(&thread, NULL, outlive, NULL);
    pthread_detach(thread);
    pthread_exit(NULL);
  }
  int status = 0;
  for (int turn = 0; turn < 150; turn++) {
    pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return (void *)(intptr_t)(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    usleep(100000);
  }
  kill(child, SIGKILL);
  return NULL;
}

/// The same in a child that a worker thread forked. The child says "ok".
int probe_last_thread_of_child(void) {
  pthread_t thread;
  void *ended = NULL;
  pthread_create(&thread, NULL, fork_and_outlive, NULL);
  pthread_join(thread, &ended);
  if (!ended) fail("the helper keeps the child of a fork alive");
  exit(0);
}

static void *start_helper(void *unused) {
  (void)unused;
  if (anax_helper_start()) fail("anax_helper_start");
  return NULL;
}

/// A helper that a worker thread started goes on when that thread has ended.
int probe_helper_of_worker(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, start_helper, NULL);
  pthread_join(thread, NULL);
  return probe_silence();
}

/// Frees 32 MiB, which the process may keep for a while, and falls silent: the helper gives the memory back.
int probe_silence(void) {
  long start = resident();
  size_t count = (32 << 20) / 1000;
  void **blocks = malloc(count * sizeof(void *));
  for (size_t i = 0; i < count; i++) {
    blocks[i] = malloc(1000);
    memset(blocks[i], 1, 1000);
  }
  for (size_t i = 0; i < count; i++) free(blocks[i]);
  free(blocks);
  for (int second = 0; second < 10; second++) {
    sleep(1);
    if (resident() < start + (8 << 20)) return 1;
  }
  fail("the memory of a silent process did not go back");
}
