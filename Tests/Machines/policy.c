// SPDX-License-Identifier: Apache-2.0
// What numactl does, with policies that it may be too old to know: sets the memory policy of a program and starts it. Where the kernel
// has no such policy that is said, and all is well.
// usage: policy MODE NODES PROGRAM [ARGUMENT…]
#include "judge.h"

int main(int count, char **arguments) {
  program = "policy";
  if (count < 4) fail("what policy, nodes and program?");
  int mode = mode_named(arguments[1], strlen(arguments[1]));
  if (mode < 0) fail("no policy '%s'", arguments[1]);
  unsigned long nodes = bits_of(arguments[2]);
  if (syscall(SYS_set_mempolicy, mode, nodes ? &nodes : NULL, nodes ? 65 : 0)) {
    if (errno != EINVAL || mode < mode_preferred_many) fail("set_mempolicy: %d", errno);
    // It may be the nodes that are wrong.
    if (syscall(SYS_set_mempolicy, mode_bind, &nodes, 65)) fail("set_mempolicy of %s: %d", arguments[2], errno);
    printf("policy: the kernel has no %s\n", arguments[1]);
    return 0;
  }
  execv(arguments[3], arguments + 3);
  fail("%s cannot be started: %d", arguments[3], errno);
}
