// SPDX-License-Identifier: Apache-2.0
// Picks the mode.
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *what) {
  printf("failed: %s\n", what);
  fflush(stdout);
  exit(1);
}

int main(int count, char **arguments) {
  const char *mode = count > 1 ? arguments[1] : "";
  int done = 0;
  if (!strcmp(mode, "work")) done = probe_work();
  if (!strcmp(mode, "fork")) done = probe_fork();
  if (!strcmp(mode, "storm")) done = probe_storm();
  if (!strcmp(mode, "churn")) done = probe_churn();
  if (!strcmp(mode, "limit")) done = probe_limit(arguments[0]);
  if (!strcmp(mode, "limited")) done = probe_limited();
  if (!strcmp(mode, "seccomp")) done = probe_seccomp(arguments[0]);
  if (!strcmp(mode, "operators")) done = probe_operators();
  if (!strcmp(mode, "sized")) done = probe_sized();
  if (!strcmp(mode, "options")) done = probe_options();
  if (!strcmp(mode, "foreign")) done = probe_foreign();
  if (!strcmp(mode, "silence")) done = probe_silence();
  if (!strcmp(mode, "last-thread")) done = probe_last_thread();
  if (!strcmp(mode, "last-thread-of-child")) done = probe_last_thread_of_child();
  if (!strcmp(mode, "helper-of-worker")) done = probe_helper_of_worker();
  if (!done) fail("there is no such mode");
  puts("ok");
  return 0;
}
