// SPDX-License-Identifier: Apache-2.0
// Machines that refuse: little address space, a sandbox. Each sets the limit and starts the probe again under it.
#include "load.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int probe_limit(const char *self) {
  struct rlimit limit = {64 << 20, 64 << 20};
  if (setrlimit(RLIMIT_AS, &limit)) fail("setrlimit");
  execl(self, self, "limited", (char *)NULL);
  fail("exec");
}

static size_t fill(size_t size) {
  static void *blocks[100000];
  size_t count = 0;
  errno = 0;
  while (count < 100000 && (blocks[count] = malloc(size))) {
    memset(blocks[count], 1, size);
    count++;
  }
  if (count < 100000 && errno != ENOMEM) fail("NULL without ENOMEM");
  size_t bytes = count * size;
  while (count > 0) free(blocks[--count]);
  return bytes;
}

int probe_limited(void) {
  // What the program and its libraries leave of 64 MiB; a good part of it must be the heap's, again and again.
  for (int turn = 0; turn < 3; turn++) {
    if (fill(1000) < 4 << 20) fail("less than 4 MiB of small blocks under a limit of 64 MiB");
    if (fill(100000) < 4 << 20) fail("less than 4 MiB of large blocks under a limit of 64 MiB");
  }
  errno = 0;
  if (malloc((size_t)1 << 30) || errno != ENOMEM) fail("1 GiB under a limit of 64 MiB");
  struct load load = {.random = 3};
  for (int i = 0; i < 20000; i++) load_step(&load);
  load_end(&load);
  return 1;
}

int probe_seccomp(const char *self) {
#define REFUSE(number) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      REFUSE(SYS_rseq),
      REFUSE(SYS_membarrier),
      REFUSE(SYS_madvise),
      REFUSE(SYS_mbind),
      REFUSE(SYS_getcpu),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) fail("PR_SET_NO_NEW_PRIVS");
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) fail("PR_SET_SECCOMP");
  execl(self, self, "work", (char *)NULL);
  fail("exec");
}
