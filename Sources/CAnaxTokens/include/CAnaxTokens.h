// SPDX-License-Identifier: Apache-2.0
// The storage of tokens, and what Swift cannot say about threads: the thread's own record in thread-local storage, its end,
// fork, the clock, and the race detector's annotations. Who may touch which field is said in the Swift file that owns it.
#pragma once
#include <execinfo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include "CAnax.h"
#include "anax_token_face.h"

enum {
  /// Tokens that one thread may hold at once (LWKT_MAXTOKENS).
  ANAX_TOKENS_HELD_MAX = 32,
  /// Threads that may use tokens at once: a record's number has 16 bits, 0 is nobody.
  ANAX_TOKEN_THREADS_MAX = 65535,
  /// Tokens that may have statistics of their own; those beyond are counted in the total only.
  ANAX_TOKEN_STATISTICS_MAX = 65536,
  ANAX_TOKEN_BUCKETS = 40,
  ANAX_TOKEN_POOL = 4096,
  ANAX_TOKEN_SPINNER_LINES = 64,
};

/// What contention costs: written by waiters only. Times are in ticks of the cycle counter.
struct anax_token_statistics {
  uint64_t collisions;   // waits: for a token that was asked for, or let go and to be taken again, and found taken
  uint64_t spun;         // of these, it was got without sleeping
  uint64_t expired;      // of these, the deadline passed
  uint64_t parked;       // sleeps
  uint64_t turns;        // waits that ended by the bound on fairness: served next
  uint64_t passes;       // rounds in which several tokens were tried and given back
  uint64_t longest;      // wait, in ticks
  uint64_t total;        // waits, in ticks
  uint32_t link;         // in the stack of free records
  uint32_t life;         // one more for each token that had this record
  uint64_t buckets[ANAX_TOKEN_BUCKETS];  // [i]: waits of 2^i ..< 2^(i+1) ticks
};

/// A token's line. Beyond it lies nothing that a holder or waiter writes, but for `readers`.
struct anax_token {
  uint64_t word;        // Tokens/TokenWord.swift
  uint64_t generation;  // holders only: one more whenever another thread had it in between
  uint32_t last;        // holders only: record of the last exclusive holder; 0 after another has shared it
  uint32_t condition;   // what sleepers on a condition sleep on
  uint64_t policy;      // a spin policy, packed; 0: the process's tunables
  uint64_t turn_due;    // nanoseconds of the clock: when a waiter may next ask for its turn
  uint32_t unused32;
  uint32_t statistics;  // number of a statistics record, 0 while there is none
  const char *_Nullable name;
  struct anax_token_readers *_Nullable readers;  // where sharers are counted per CPU; set once, before others know the token
};

/// How many have a token shared, a pair of lines a CPU, so that two of them never write to one: Tokens/Readers.swift.
struct anax_token_reader_line {
  uint64_t count;
  uint64_t unused[15];
};

struct anax_token_readers {
  uint64_t mask;      // lines, less one: a power of two
  uint32_t draining;  // 1: who has the token exclusively sleeps until a reader leaves
  uint32_t unused32;
  uint64_t unused[14];
  struct anax_token_reader_line lines[];
};

/// A line for a count of spinners.
struct anax_token_spinner_line {
  uint64_t count;
  uint64_t unused[7];
};

/// One token that a thread holds.
struct anax_token_hold {
  struct anax_token *_Null_unspecified token;
  uint64_t state;  // Tokens/Hold.swift
};

/// A thread, as tokens know it. Type-stable. Only its thread writes it, but for link and epoch. What the fast paths use comes first.
struct anax_token_thread {
  uint32_t count;      // holds
  uint32_t limit;      // holds that the fast path may make: 0 sends every request to the slow path
  uint64_t free;       // the word that the fast paths take a token from, and leave behind: Tokens/Taking.swift
  uint64_t mine;       // the same, taken exclusively by this thread
  uint32_t id;         // record number
  uint32_t pinned;     // holds that may not be let go: open accesses to serialized values
  struct anax_token_hold holds[ANAX_TOKENS_HELD_MAX];
  uint64_t epoch;      // process it lives in; 0: the record is free
  uint32_t link;       // in the stack of free records
  uint32_t kernel_id;  // for messages
  uint32_t pauses;     // PAUSEs since it last did something else
  uint32_t unused;
  uint64_t waiting;    // address of the token it waits for; bit 0: exclusively
  uint32_t pending_number;  // the statistics that `pending` belongs to, and their life
  uint32_t pending_life;
  uint64_t pending_events;
  struct anax_token_statistics pending;  // not yet added there
};

/// After a wait: the token, which the caller has now, how long it waited, and whether it slept.
typedef void (*anax_token_hook)(void *_Nullable context, struct anax_token *_Nonnull token, uint64_t ticks, bool slept);

struct anax_token_state {
  uint64_t started;     // 0 no, 1 starting, 2 live
  uint64_t epoch;       // 1 in the process that began, one more in each child of a fork
  uint64_t threads;     // base of thread records; number 0 is never used
  uint64_t thread_top;  // records ever used, plus one
  uint64_t thread_free; // tagged stack
  uint64_t statistics;  // base of statistics records
  uint64_t statistics_top;
  uint64_t statistics_free;
  uint64_t pause_picoseconds;  // one PAUSE; 0: not yet calibrated
  uint64_t pauses_per_nanosecond;  // times 2^32
  uint64_t gap_pauses;  // so many PAUSEs are as long as the time without them after a burst
  uint64_t processors;  // CPUs' worth of time this process has, exact where it is 1; below 2 nobody spins
  uint64_t processors_due;  // nanoseconds of the clock: when it is to be read anew
  uint64_t ticks_then;  // cycle counter and clock at one moment: the counter's speed is the quotient of differences
  uint64_t clock_then;
  uint64_t sanitized;   // 1: built for the race detector
  uint64_t reader_lines;  // of a token that counts its sharers per CPU: a power of two; 0: not yet known
  anax_token_hook _Nullable hook;  // called after every wait
  void *_Nullable hook_context;
  struct anax_token_statistics total;
};

enum {
  ANAX_TOKEN_THREAD_LINK = offsetof(struct anax_token_thread, link),
  ANAX_TOKEN_STATISTICS_LINK = offsetof(struct anax_token_statistics, link),
};

extern struct anax_token_state anax_token_state_storage;
extern struct anax_token_thread anax_token_nobody;
extern struct anax_token anax_token_pool_storage[ANAX_TOKEN_POOL];
extern struct anax_token_spinner_line anax_token_spinners_storage[ANAX_TOKEN_SPINNER_LINES];
extern __thread struct anax_token_thread *_Nonnull anax_token_thread_pointer __attribute__((tls_model("initial-exec")));

ANAX_INLINE struct anax_token_state *_Nonnull anax_token_state(void) { return &anax_token_state_storage; }
ANAX_INLINE struct anax_token *_Nonnull anax_token_pool(void) { return anax_token_pool_storage; }
ANAX_INLINE uint64_t *_Nonnull anax_token_spinner_line(intptr_t line) { return &anax_token_spinners_storage[line].count; }
/// The count of those who spin at the token: of its line in memory, mixed.
ANAX_INLINE uint64_t *_Nonnull anax_token_spinners(const struct anax_token *_Nonnull token) {
  return anax_token_spinner_line((intptr_t)(((uint64_t)(uintptr_t)token >> 6) * 0x9E3779B97F4A7C15u >> 58));
}
/// The calling thread's record; a shared one with limit 0 before the thread's first slow path.
ANAX_INLINE struct anax_token_thread *_Nonnull anax_token_thread(void) { return anax_token_thread_pointer; }
ANAX_INLINE bool anax_token_is_nobody(const struct anax_token_thread *_Nonnull thread) {
  return thread == &anax_token_nobody;
}
ANAX_INLINE void anax_token_thread_set(struct anax_token_thread *_Nonnull thread) { anax_token_thread_pointer = thread; }
ANAX_INLINE struct anax_token_hold *_Nonnull anax_token_holds(struct anax_token_thread *_Nonnull thread) {
  return thread->holds;
}
// What a thread has is written by itself alone, and read by others in the child of a fork: relaxed.
ANAX_INLINE void anax_token_thread_set_count(struct anax_token_thread *_Nonnull thread, uint32_t count) {
  __atomic_store_n(&thread->count, count, __ATOMIC_RELAXED);
}
ANAX_INLINE uint32_t anax_token_thread_read_count(const struct anax_token_thread *_Nonnull thread) {
  return __atomic_load_n(&thread->count, __ATOMIC_RELAXED);
}
ANAX_INLINE void anax_token_hold_set(
    struct anax_token_hold *_Nonnull hold, struct anax_token *_Null_unspecified token, uint64_t state) {
  __atomic_store_n(&hold->token, token, __ATOMIC_RELAXED);
  __atomic_store_n(&hold->state, state, __ATOMIC_RELAXED);
}
ANAX_INLINE void anax_token_hold_set_state(struct anax_token_hold *_Nonnull hold, uint64_t state) {
  __atomic_store_n(&hold->state, state, __ATOMIC_RELAXED);
}
ANAX_INLINE struct anax_token *_Null_unspecified anax_token_hold_token(const struct anax_token_hold *_Nonnull hold) {
  return __atomic_load_n(&hold->token, __ATOMIC_RELAXED);
}
ANAX_INLINE uint64_t anax_token_hold_state(const struct anax_token_hold *_Nonnull hold) {
  return __atomic_load_n(&hold->state, __ATOMIC_RELAXED);
}
/// For the holder's own fast paths.
ANAX_INLINE bool anax_token_hold_is(
    const struct anax_token_hold *_Nonnull hold, const struct anax_token *_Nonnull token, uint64_t state) {
  return hold->token == token && hold->state == state;
}
/// The line of the CPU that the thread runs on, or of the thread where the C library does not tell the CPU. It may be another's by
/// the time it is used: lines are for speed.
ANAX_INLINE uint64_t *_Nonnull anax_token_reader_line(
    struct anax_token_readers *_Nonnull readers, const struct anax_token_thread *_Nonnull thread) {
  uint64_t line = anax_rseq_bytes() != 0 ? anax_rseq_read_cpu(anax_rseq_area_offset()) : thread->id;
  return &readers->lines[line & readers->mask].count;
}
ANAX_INLINE uint64_t *_Nonnull anax_token_reader_line_at(
    struct anax_token_readers *_Nonnull readers, uint64_t line) {
  return &readers->lines[line].count;
}
ANAX_INLINE uint32_t *_Nonnull anax_token_draining(struct anax_token_readers *_Nonnull readers) { return &readers->draining; }
ANAX_INLINE uint64_t *_Nonnull anax_token_word(struct anax_token *_Nonnull token) { return &token->word; }
ANAX_INLINE uint32_t *_Nonnull anax_token_condition(struct anax_token *_Nonnull token) { return &token->condition; }
ANAX_INLINE uint64_t *_Nonnull anax_token_policy(struct anax_token *_Nonnull token) { return &token->policy; }
ANAX_INLINE uint64_t *_Nonnull anax_token_turn_due(struct anax_token *_Nonnull token) { return &token->turn_due; }
ANAX_INLINE uint64_t *_Nonnull anax_token_generation(struct anax_token *_Nonnull token) { return &token->generation; }
ANAX_INLINE uint32_t *_Nonnull anax_token_last(struct anax_token *_Nonnull token) { return &token->last; }
ANAX_INLINE struct anax_token_statistics *_Nonnull anax_token_thread_pending(struct anax_token_thread *_Nonnull thread) {
  return &thread->pending;
}
ANAX_INLINE struct anax_token_statistics *_Nonnull anax_token_total(struct anax_token_state *_Nonnull state) {
  return &state->total;
}
ANAX_INLINE uint32_t *_Nonnull anax_token_statistics_number(struct anax_token *_Nonnull token) {
  return &token->statistics;
}
ANAX_INLINE uint64_t *_Nonnull anax_token_buckets(struct anax_token_statistics *_Nonnull statistics) {
  return statistics->buckets;
}

// Addresses of the fields that several threads change.
#define ANAX_TOKEN_FIELD(structure, type, field)                                                  \
  ANAX_INLINE type *_Nonnull anax_##structure##_##field##_word(struct anax_##structure *_Nonnull p) { \
    return &p->field;                                                                             \
  }
ANAX_TOKEN_FIELD(token_statistics, uint64_t, collisions)
ANAX_TOKEN_FIELD(token_statistics, uint64_t, spun)
ANAX_TOKEN_FIELD(token_statistics, uint64_t, expired)
ANAX_TOKEN_FIELD(token_statistics, uint64_t, parked)
ANAX_TOKEN_FIELD(token_statistics, uint64_t, turns)
ANAX_TOKEN_FIELD(token_statistics, uint64_t, passes)
ANAX_TOKEN_FIELD(token_statistics, uint64_t, longest)
ANAX_TOKEN_FIELD(token_statistics, uint64_t, total)
ANAX_TOKEN_FIELD(token_statistics, uint32_t, life)
ANAX_TOKEN_FIELD(token_thread, uint32_t, pending_number)
ANAX_TOKEN_FIELD(token_thread, uint32_t, pending_life)
ANAX_TOKEN_FIELD(token_thread, uint64_t, epoch)
ANAX_TOKEN_FIELD(token_thread, uint64_t, waiting)
ANAX_TOKEN_FIELD(token_state, uint64_t, started)
ANAX_TOKEN_FIELD(token_state, uint64_t, epoch)
ANAX_TOKEN_FIELD(token_state, uint64_t, thread_top)
ANAX_TOKEN_FIELD(token_state, uint64_t, thread_free)
ANAX_TOKEN_FIELD(token_state, uint64_t, statistics_top)
ANAX_TOKEN_FIELD(token_state, uint64_t, statistics_free)
ANAX_TOKEN_FIELD(token_state, uint64_t, processors)
ANAX_TOKEN_FIELD(token_state, uint64_t, processors_due)
ANAX_TOKEN_FIELD(token_state, uint64_t, pause_picoseconds)
ANAX_TOKEN_FIELD(token_state, uint64_t, pauses_per_nanosecond)
ANAX_TOKEN_FIELD(token_state, uint64_t, gap_pauses)
ANAX_TOKEN_FIELD(token_state, uint64_t, reader_lines)
#undef ANAX_TOKEN_FIELD

ANAX_INLINE void anax_token_set_hook(anax_token_hook _Nullable hook, void *_Nullable context) {
  __atomic_store_n(&anax_token_state_storage.hook, NULL, __ATOMIC_RELEASE);
  __atomic_store_n(&anax_token_state_storage.hook_context, context, __ATOMIC_RELEASE);
  __atomic_store_n(&anax_token_state_storage.hook, hook, __ATOMIC_RELEASE);
}
ANAX_INLINE void anax_token_call_hook(struct anax_token *_Nonnull token, uint64_t ticks, bool slept) {
  anax_token_hook hook = __atomic_load_n(&anax_token_state_storage.hook, __ATOMIC_ACQUIRE);
  if (hook) hook(__atomic_load_n(&anax_token_state_storage.hook_context, __ATOMIC_ACQUIRE), token, ticks, slept);
}

/// Nanoseconds of CLOCK_MONOTONIC; no system call where the kernel's vDSO serves.
ANAX_INLINE uint64_t anax_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// Return addresses of the calling thread's stack, innermost first; how many. The first call of a process may allocate.
static inline int anax_backtrace(void *_Nullable *_Nonnull frames, int count) { return backtrace(frames, count); }

/// Has the thread's end and the process's watched; once a process, and `anax_token_watch_thread` once a thread. False: the C library
/// has no key left, or no memory.
bool anax_token_watch(void) ANAX_ENGINE;
bool anax_token_watch_thread(struct anax_token_thread *_Nonnull thread) ANAX_ENGINE;

// The race detector's view of a token; nothing where the build is not for it.
void anax_token_annotate_create(struct anax_token *_Nonnull token) ANAX_ENGINE;
void anax_token_annotate_destroy(struct anax_token *_Nonnull token) ANAX_ENGINE;
void anax_token_annotate_taken(struct anax_token *_Nonnull token, bool shared) ANAX_ENGINE;
void anax_token_annotate_releasing(struct anax_token *_Nonnull token, bool shared) ANAX_ENGINE;

// Called from thread.c, written in Swift: Tokens/ThreadRecord.swift.
void anax_token_thread_ended(struct anax_token_thread *_Nonnull thread);
void anax_token_forked(void);
void anax_token_exiting(void);
