// SPDX-License-Identifier: Apache-2.0
// What numactl does, for a machine that has none: sets the memory policy of a program and starts it.
// usage: policy default|bind|interleave|preferred NODES PROGRAM [ARGUMENT…]
#include "judge.h"

int main(int count, char **arguments) {
  static const char *const names[] = {"default", "preferred", "bind", "interleave"};  // as the kernel numbers them
  program = "policy";
  if (count < 4) fail("what policy, nodes and program?");
  for (unsigned mode = 0; mode < 4; mode++) {
    if (strcmp(arguments[1], names[mode])) continue;
    unsigned long nodes = bits_of(arguments[2]);
    if (syscall(SYS_set_mempolicy, mode, mode ? &nodes : NULL, mode ? 65 : 0)) fail("set_mempolicy: %d", errno);
    execv(arguments[3], arguments + 3);
    fail("%s cannot be started: %d", arguments[3], errno);
  }
  fail("no policy '%s'", arguments[1]);
}
