// SPDX-License-Identifier: Apache-2.0

#include "peers.h"

#include <cstdlib>
#include <functional>
#include <mutex>
#include <new>

#ifdef BENCH_ABSL
#include <absl/synchronization/mutex.h>

static absl::Mutex *absl_mutex(void *lock) { return static_cast<absl::Mutex *>(lock); }

bool peer_absl_present(void) { return true; }
void peer_absl_make(void *lock) {
  // Debian's library is built with assertions, and then looks for cycles at every call, which nobody would deploy.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  new (lock) absl::Mutex;
}
void peer_absl_lock(void *lock) { absl_mutex(lock)->Lock(); }
void peer_absl_unlock(void *lock) { absl_mutex(lock)->Unlock(); }
void peer_absl_lock_shared(void *lock) { absl_mutex(lock)->ReaderLock(); }
void peer_absl_unlock_shared(void *lock) { absl_mutex(lock)->ReaderUnlock(); }
#else
bool peer_absl_present(void) { return false; }
void peer_absl_make(void *) { std::abort(); }
void peer_absl_lock(void *) { std::abort(); }
void peer_absl_unlock(void *) { std::abort(); }
void peer_absl_lock_shared(void *) { std::abort(); }
void peer_absl_unlock_shared(void *) { std::abort(); }
#endif

void peer_std_make(void *lock) { new (lock) std::mutex; }

void peer_std_lock_both(void *left, void *right) {
  if (std::less<void *>()(right, left)) std::swap(left, right);
  std::lock(*static_cast<std::mutex *>(left), *static_cast<std::mutex *>(right));
}

void peer_std_unlock_both(void *left, void *right) {
  static_cast<std::mutex *>(left)->unlock();
  static_cast<std::mutex *>(right)->unlock();
}
