// SPDX-License-Identifier: Apache-2.0
// The helper thread's birth, and the summary at the process's end: what needs a constructor, a destructor or pthread. What the
// helper does is Swift (Heap/Helper.swift).
//
// It is a thread of the C library, so that setuid and its like reach it; but it must not keep a process alive whose other
// threads have all ended. The main thread's pthread_exit is seen by a key's destructor, and from then on the helper looks, once
// a second, whether it is the last. It is started by a constructor, never from inside malloc or free, with all signals blocked.
// The child of a fork has none until it calls anax_helper_start(); its main thread is the one that forked, whatever that was in the
// parent.
#include "face.h"

#ifndef ANAX_STAND_ASIDE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef ANAX_PRELOADED
enum { linked = 0 };
#else
enum { linked = 1 };
#endif

static int running;  // 1: this process has a helper
static int watching;  // 1: there is `key`; set by the constructor alone
static pthread_key_t key;  // its value is set for the main thread only

static void *helper(void *unused) {
  (void)unused;
  prctl(PR_SET_NAME, "anax-helper");
  anax_helper_main();
  __atomic_store_n(&running, 0, __ATOMIC_RELEASE);
  return NULL;
}

static void main_thread_ended(void *unused) {
  (void)unused;
  anax_helper_gone();
}

static void watch_main_thread(void) {
  if (watching && syscall(SYS_gettid) == getpid()) pthread_setspecific(key, &watching);
}

static void forked(void) {
  __atomic_store_n(&running, 0, __ATOMIC_RELEASE);
  anax_helper_forgotten();
  watch_main_thread();
}

ANAX_EXPORT int anax_helper_start(void) {
  if (__atomic_exchange_n(&running, 1, __ATOMIC_ACQ_REL)) return 0;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pthread_t thread;
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (!error) {
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    // Large thread-local storage may need more than the least.
    for (size_t stack = 64 << 10; stack <= 4 << 20; stack <<= 2) {
      pthread_attr_setstacksize(&attributes, stack);
      error = pthread_create(&thread, &attributes, helper, NULL);
      if (error != EINVAL) break;
    }
    pthread_attr_destroy(&attributes);
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (error) __atomic_store_n(&running, 0, __ATOMIC_RELEASE);
  return error;
}

__attribute__((constructor)) static void begin(void) {
  pthread_atfork(NULL, NULL, forked);
  watching = pthread_key_create(&key, main_thread_ended) == 0;
  watch_main_thread();
  if (anax_helper_wanted(linked)) anax_helper_start();
}

__attribute__((destructor)) static void end(void) {
  if (anax_stats_wanted()) anax_stats_print();
}
#else
// The sanitizer's allocator serves: there is nothing to help.
ANAX_EXPORT int anax_helper_start(void) { return 0; }
#endif
