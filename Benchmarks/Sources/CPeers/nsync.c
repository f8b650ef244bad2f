// SPDX-License-Identifier: Apache-2.0
//
// In C, since for C++ nsync has another library and other names.

#include "peers.h"

#include <stdlib.h>

#ifdef BENCH_NSYNC
#include <nsync.h>

bool peer_nsync_present(void) { return true; }
void peer_nsync_make(void *lock) { nsync_mu_init(lock); }
void peer_nsync_lock(void *lock) { nsync_mu_lock(lock); }
void peer_nsync_unlock(void *lock) { nsync_mu_unlock(lock); }
void peer_nsync_lock_shared(void *lock) { nsync_mu_rlock(lock); }
void peer_nsync_unlock_shared(void *lock) { nsync_mu_runlock(lock); }
#else
bool peer_nsync_present(void) { return false; }
void peer_nsync_make(void *lock) { abort(); }
void peer_nsync_lock(void *lock) { abort(); }
void peer_nsync_unlock(void *lock) { abort(); }
void peer_nsync_lock_shared(void *lock) { abort(); }
void peer_nsync_unlock_shared(void *lock) { abort(); }
#endif
