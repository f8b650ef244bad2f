// SPDX-License-Identifier: Apache-2.0
// Storage of the tokens' state, and the trampolines by which the C library tells of a thread's end, the process's end and a
// fork. A thread's record is found by its own initial-exec thread-local pointer: one load.
#include "CAnaxTokens.h"

#include <pthread.h>
#include <stdlib.h>

struct anax_token_state anax_token_state_storage;
struct anax_token_thread anax_token_nobody;
struct anax_token anax_token_pool_storage[ANAX_TOKEN_POOL] __attribute__((aligned(64)));
struct anax_token_spinner_line anax_token_spinners_storage[ANAX_TOKEN_SPINNER_LINES] __attribute__((aligned(64)));
__thread struct anax_token_thread *anax_token_thread_pointer = &anax_token_nobody;

_Static_assert(sizeof(struct anax_token) == 64, "a token is one line");

static pthread_key_t key;

static void ended(void *thread) {
  anax_token_thread_ended(thread);
  anax_token_thread_pointer = &anax_token_nobody;
}

// When the process is loaded: a fork may come in the middle of the tokens' start, which then begins anew in the child.
__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(NULL, NULL, anax_token_forked); }

bool anax_token_watch(void) {
  if (pthread_key_create(&key, ended)) return false;
#ifdef DEBUG
  static bool watched;
  if (!watched) atexit(anax_token_exiting);
  watched = true;
#endif
  return true;
}

bool anax_token_watch_thread(struct anax_token_thread *thread) { return pthread_setspecific(key, thread) == 0; }

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ANAX_RACE_DETECTOR 1
#endif
#endif

#ifdef ANAX_RACE_DETECTOR
#include <sanitizer/tsan_interface.h>

__attribute__((constructor)) static void sanitized(void) { anax_token_state_storage.sanitized = 1; }
void anax_token_annotate_create(struct anax_token *token) { __tsan_mutex_create(token, __tsan_mutex_not_static); }
void anax_token_annotate_destroy(struct anax_token *token) { __tsan_mutex_destroy(token, __tsan_mutex_not_static); }
void anax_token_annotate_taken(struct anax_token *token, bool shared) {
  // A try-lock's form: tokens may be taken in any order, so that the detector must not look for cycles.
  unsigned flags = (shared ? __tsan_mutex_read_lock : 0) | __tsan_mutex_try_lock;
  __tsan_mutex_pre_lock(token, flags);
  __tsan_mutex_post_lock(token, flags, 0);
}
void anax_token_annotate_releasing(struct anax_token *token, bool shared) {
  unsigned flags = shared ? __tsan_mutex_read_lock : 0;
  __tsan_mutex_pre_unlock(token, flags);
  __tsan_mutex_post_unlock(token, flags);
}
#else
void anax_token_annotate_create(struct anax_token *token) { (void)token; }
void anax_token_annotate_destroy(struct anax_token *token) { (void)token; }
void anax_token_annotate_taken(struct anax_token *token, bool shared) { (void)token, (void)shared; }
void anax_token_annotate_releasing(struct anax_token *token, bool shared) { (void)token, (void)shared; }
#endif
