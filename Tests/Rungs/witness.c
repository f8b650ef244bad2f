// SPDX-License-Identifier: Apache-2.0
// Says from inside which rung a process is on, after allocating and freeing on several threads, across threads and in the child
// of a fork. usage: LD_PRELOAD=libanax.so witness; prints the rung's letter.
#define _GNU_SOURCE
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern int anax_rung(void) __attribute__((weak));
extern ptrdiff_t anax_purge(void) __attribute__((weak));

enum { slots = 256, threads = 4, rounds = 40000 };
static unsigned char *shared[slots];

static int check(unsigned char *block, size_t bytes, unsigned char mark) {
  for (size_t i = 0; i < bytes; i++)
    if (block[i] != mark) return 0;
  return 1;
}

// A block carries its size and a mark; whoever takes it from a slot checks and frees it.
static void exchange(unsigned *seed) {
  unsigned random = *seed = *seed * 1103515245u + 12345u;
  size_t bytes = 3 + (random >> 8) % ((random >> 4) % 16 == 0 ? 20000 : 700);
  unsigned char *block = malloc(bytes);
  if (!block) abort();
  if (bytes > 60000) abort();
  memset(block, (int)(bytes & 0xff), bytes);
  memcpy(block, &(unsigned short){(unsigned short)bytes}, 2);
  unsigned char *old = __atomic_exchange_n(&shared[(random >> 16) % slots], block, __ATOMIC_ACQ_REL);
  if (!old) return;
  unsigned short size;
  memcpy(&size, old, 2);
  if (!check(old + 2, size - 2u, (unsigned char)(size & 0xff))) {
    fprintf(stderr, "witness: a block of %d bytes was written by somebody else\n", size);
    abort();
  }
  free(old);
}

static void *run(void *number) {
  unsigned seed = (unsigned)(size_t)number * 7919u + 1;
  for (int i = 0; i < rounds; i++) {
    exchange(&seed);
    if (i % 10000 == 9999 && anax_purge) anax_purge();
  }
  return NULL;
}

int main(void) {
  pthread_t ids[threads];
  for (size_t i = 0; i < threads; i++)
    if (pthread_create(&ids[i], NULL, run, (void *)(i + 1)) != 0) return 1;
  for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
  pid_t child = fork();
  if (child == 0) {
    run((void *)99);
    _exit(anax_rung ? anax_rung() : 0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 1;
  int rung = anax_rung ? anax_rung() : '?';
  if (WEXITSTATUS(status) != rung) {
    fprintf(stderr, "witness: the child is on rung %c, its parent on %c\n", WEXITSTATUS(status), rung);
    return 1;
  }
  printf("%c\n", rung);
  return 0;
}
