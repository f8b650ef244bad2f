// SPDX-License-Identifier: Apache-2.0
// Runs a program in a sandbox that answers the named system calls with EPERM, as container runtimes do.
// usage: sandbox rseq|membarrier[,...] PROGRAM [ARGS...]
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int number_of(const char *name) {
  if (strcmp(name, "rseq") == 0) return SYS_rseq;
  if (strcmp(name, "membarrier") == 0) return SYS_membarrier;
  return -1;
}

int main(int count, char **arguments) {
  if (count < 3) {
    fprintf(stderr, "sandbox: usage: sandbox rseq|membarrier[,...] PROGRAM [ARGS...]\n");
    return 2;
  }
  struct sock_filter filter[32];
  unsigned length = 0;
  filter[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (char *name = strtok(arguments[1], ","); name && length < 28; name = strtok(NULL, ",")) {
    int number = number_of(name);
    if (number < 0) {
      fprintf(stderr, "sandbox: '%s' is not rseq or membarrier\n", name);
      return 2;
    }
    filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1);
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  }
  filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {(unsigned short)length, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("sandbox: the kernel takes no filter");
    return 77;
  }
  execv(arguments[2], arguments + 2);
  perror(arguments[2]);
  return 127;
}
