// SPDX-License-Identifier: Apache-2.0
// Restartable sequences (rseq(2)) on the area that the C library registered for every thread.
//
// A section is a handful of instructions that the kernel restarts elsewhere (here: gives up, at `empty`) when the thread is
// preempted, migrated or interrupted by a signal in mid-section. It ends in ONE committing store, so what it changes is never
// seen half done, by this CPU, by a signal handler, in the child of a fork, or by who stops the CPU with membarrier.
// On rung B (anax_cache_...) "this CPU" is the block at cpu_id, on rung A (anax_concurrency_...) the block at (node_id, mm_cid):
// each in tables of its own, which hold the empty block on the other rung, so that a section of the wrong rung gives up.
// Only rseq_cs is ever written in the area; nothing relies on when the kernel rewrites the other fields.
//
// A list is one word: (address of the first item << 16) | room, where room counts the items that still fit. The first word
// of each free item holds the list word as it was before the item was pushed. An all-zero word is "no list here": neither pop
// nor push succeeds, which is what the empty block gives to every CPU whose block does not exist or is being reclaimed.
//
// A strip is one word too: (address of the next item << 16) | (items behind the next skipped line << 8) | items before it, a
// stride apart. They are claimed but written by nobody, so that taking one touches no memory but the word.
//
// A stack is words in a row: (pushes so far << 16) | place, then one that closes it where it is not 0, then the entries, which are
// not looked into. The place is that of the next entry, counted from 1: 1 is an empty stack, and 0 no stack.
//
// A row is a word that is 0 where there is none, 1 where it is open and else closed, then slots: a word each, 0 or an entry, which
// is not looked into. A section puts something else in place of what its caller has seen in a slot, if that is there still.
//
// A CPU id at or above cpu_limit (as unsigned: also the -1 and -2 of a thread without an area) gives up at once. A section must
// not be entered before the engine has set rseq_offset: the fast limits (fast_size, fast_pages) are 0 until then.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "anax_attributes.h"
#include "anax_start.h"
#include "anax_state.h"

#if defined(__x86_64__)
#include "anax_rseq_x86_64.h"
#elif defined(__aarch64__)
#include "anax_rseq_aarch64.h"
#endif

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/// Bytes of the area the C library registered; 0 where there is none (an old C library, a tunable, an old kernel, a sandbox).
ANAX_INLINE uint64_t anax_rseq_bytes(void) { return &__rseq_size ? __rseq_size : 0; }
ANAX_INLINE int64_t anax_rseq_area_offset(void) { return &__rseq_offset ? __rseq_offset : 0; }
/// The CPU this thread runs on by its area; a value ≥ ANAX_CPUS_MAX when the thread is not registered.
ANAX_INLINE uint32_t anax_rseq_cpu(void) {
  return anax_state_storage.cpu_limit ? anax_rseq_read_cpu(anax_state_storage.rseq_offset) : 0xffffffffu;
}

/// What tells this thread from the others that live now: even, and not 0.
ANAX_INLINE uint64_t anax_thread_word(void) { return (uint64_t)(uintptr_t)__builtin_thread_pointer(); }

/// The area's bytes that the kernel fills in. A C library that says 20 or 32 registered 32, whatever the kernel knows.
ANAX_INLINE uint64_t anax_rseq_live_bytes(void) {
  uint64_t bytes = anax_rseq_bytes();
  uint64_t known = (uint64_t)anax_rseq_feature_bytes();
  if (bytes == 20) bytes = 32;
  return bytes < known ? bytes : known;
}

// The heap's slow paths, written in Swift (Heap.swift).
ANAX_ENGINE void *_Nullable anax_allocate_next(long size);
ANAX_ENGINE void *_Nullable anax_allocate_slow(long size);
ANAX_ENGINE void *_Nullable anax_allocate_medium(long size);
ANAX_ENGINE void anax_free_slow(uint64_t address);
