// SPDX-License-Identifier: Apache-2.0
//
// Locks of C++ libraries with the C face that Swift can call. Each lock lies in memory of the caller's, 64 bytes, aligned
// to a cache line, and is never destroyed. A peer that was not built in says so, and its other functions end the process.

#ifndef ANAX_BENCH_PEERS_H
#define ANAX_BENCH_PEERS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

bool peer_absl_present(void);
void peer_absl_make(void *_Nonnull lock);
void peer_absl_lock(void *_Nonnull lock);
void peer_absl_unlock(void *_Nonnull lock);
void peer_absl_lock_shared(void *_Nonnull lock);
void peer_absl_unlock_shared(void *_Nonnull lock);

bool peer_nsync_present(void);
void peer_nsync_make(void *_Nonnull lock);
void peer_nsync_lock(void *_Nonnull lock);
void peer_nsync_unlock(void *_Nonnull lock);
void peer_nsync_lock_shared(void *_Nonnull lock);
void peer_nsync_unlock_shared(void *_Nonnull lock);

/// std::mutex, which is a normal pthread mutex.
void peer_std_make(void *_Nonnull lock);
/// Takes both as std::scoped_lock does, the one with the lower address named first; and gives both back as it does.
void peer_std_lock_both(void *_Nonnull left, void *_Nonnull right);
void peer_std_unlock_both(void *_Nonnull left, void *_Nonnull right);

#ifdef __cplusplus
}
#endif

#endif
