// SPDX-License-Identifier: Apache-2.0
// The probe's modes, each in a process of its own: `MallocProbe MODE` prints `ok` and exits with 0, or says what was wrong.
#pragma once
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void fail(const char *what) __attribute__((noreturn));

int probe_work(void);
int probe_fork(void);
int probe_storm(void);
int probe_churn(void);
int probe_limit(const char *self);
int probe_limited(void);
int probe_seccomp(const char *self);
int probe_operators(void);
int probe_sized(void);
int probe_options(void);
int probe_foreign(void);
int probe_silence(void);
int probe_last_thread(void);
int probe_last_thread_of_child(void);
int probe_helper_of_worker(void);

#ifdef __cplusplus
}
#endif
