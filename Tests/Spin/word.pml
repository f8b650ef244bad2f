// SPDX-License-Identifier: Apache-2.0
// A token's word as Sources/Tokens has it: TokenWord.swift's table, Waiting.swift, Releasing.swift, and the kernel's futex: the
// word is compared under the queue's lock, sleepers of a kind are woken in the order of arrival (a wake-up for any exclusive one
// takes the first of any kind of them: more than the kernel does), may wake for no reason, and a wake-up comes some time after
// the change that asked for it. Threads may stop for ever between two requests, so a sleeper whom nobody
// will wake is an invalid end state.
//
// A compare-and-swap that fails changes nothing and is tried again with what was read: so a loop of them is one step on the word
// as it is. What is not one step: from the change of the word to the wake-up, and from it to the sleep.
//
// The count of wake-ups in the word is not a number here, which would come round: `stale` says of a waiter that does not sleep that
// the count is another than it noted. A shared one that wakes by itself does not heed it, since the count starts anew where no
// exclusive one waits.
//
// EXCLUSIVE, SHARED, TIMED (exclusive), TIMED_SHARED: how many threads of each kind. SPURIOUS: wake-ups for no reason.
// UPGRADE: sharers try to upgrade, holders downgrade. BROKEN_…: what the model must find.

#ifndef EXCLUSIVE
#define EXCLUSIVE 3
#endif
#ifndef SHARED
#define SHARED 0
#endif
#ifndef TIMED
#define TIMED 0
#endif
#ifndef TIMED_SHARED
#define TIMED_SHARED 0
#endif
#ifndef SPURIOUS
#define SPURIOUS 0
#endif
// Whether a shared waiter's sleep is bounded, as it is for the sake of its turn; 0: it must be woken.
#ifndef SHARED_POLLS
#define SHARED_POLLS 1
#endif
#define THREADS (EXCLUSIVE + SHARED + TIMED + TIMED_SHARED)

#define EXCL 1
#define AWAKE 2
#define ETURN 4
#define STURN 8
#define PARKED 16
#define ONE_SHARED 32
#define SHARED_MASK 224
#define IS_SHARED(w) (((w) & SHARED_MASK) != 0)
// The half has one bit for "shared"; how many share is in the upper half.
#define HALF(w) (((w) & 31) | (IS_SHARED(w) << 5) | (((w) & FRONT) >> 8))
#define ONE_OWNER 256
#define OWNER_MASK 1792
#define ONE_WAITING 2048
#define WAITING(w) (((w) >> 11) & 7)
#define FRONT 16384
#define FREE(w) (((w) & (EXCL | SHARED_MASK)) == 0)
#ifdef BROKEN_TURN_OF_ANYBODY
#define ADMITS_EXCLUSIVE(w, its_turn) (FREE(w) && !((w) & STURN) && (its_turn || slept || !((w) & ETURN)))
#else
#define ADMITS_EXCLUSIVE(w, its_turn) (FREE(w) && !((w) & STURN) && (its_turn || !((w) & ETURN)))
#endif
#define ADMITS_SHARED(w, slept) (!((w) & (EXCL | ETURN)) && (slept || (!((w) & STURN) && WAITING(w) == 0)))

short word = 0;
chan exclusive_queue = [THREADS] of { byte };
chan front_queue = [THREADS] of { byte };
chan turn_queue = [THREADS] of { byte };
chan shared_queue = [THREADS] of { byte };
bit asleep[THREADS + 1];
// Waits and does not sleep; and whether a release has counted a wake-up since it last looked.
bit going[THREADS + 1];
bit stale[THREADS + 1];
// Whose the exclusive turn is: nobody else is served before it.
byte turn_of = 0;
byte owners = 0;
byte sharers = 0;
byte spurious = SPURIOUS;

#define NOBODY 0
#define ONE_EXCLUSIVE 1
#define ALL_SHARED 2
#define ONE_IN_FRONT 3
#define WHOSE_TURN 4

// `next` becomes settled, `wake` says whom to wake.
inline settle() {
  wake = NOBODY;
  if
  :: next & EXCL -> skip
  :: else ->
    if
    :: (next & PARKED) && ((WAITING(next) == 0 && !(next & ETURN)) || (next & STURN)) ->
      next = next & ~PARKED;
      wake = ALL_SHARED
    :: else ->
      if
      :: WAITING(next) == 0 -> next = next & ~(AWAKE | ETURN | FRONT)
#ifdef BROKEN_TURN_WAKES_ANY
      :: WAITING(next) > 0 && FREE(next) && (next & ETURN) && !(next & STURN) -> wake = ONE_EXCLUSIVE
#else
      :: WAITING(next) > 0 && FREE(next) && (next & ETURN) && !(next & STURN) -> wake = WHOSE_TURN
#endif
      :: WAITING(next) > 0 && FREE(next) && !(next & (AWAKE | ETURN | STURN)) ->
        wake = (next & FRONT -> ONE_IN_FRONT : ONE_EXCLUSIVE);
        next = (next | AWAKE) & ~FRONT;
#ifndef BROKEN_NO_COUNT
        other = 1;
        do
        :: other <= THREADS && going[other] -> stale[other] = 1; other++
        :: other <= THREADS && !going[other] -> other++
        :: other > THREADS -> break
        od;
        other = 0;
#endif
        skip
      :: else -> skip
      fi
    fi
  fi
}

inline perform() {
  // The first of two calls of the kernel, where nobody was in front.
  if
  :: atomic {
      wake == ONE_IN_FRONT && empty(front_queue) && empty(turn_queue) ->
#ifndef BROKEN_FRONT_ONLY
      wake = ONE_EXCLUSIVE
#else
      wake = NOBODY
#endif
    }
  :: atomic { wake != ONE_IN_FRONT || nempty(front_queue) || nempty(turn_queue) -> skip }
  fi;
  atomic {
#ifndef BROKEN_NO_WAKE
    if
    :: wake == ONE_EXCLUSIVE ->
      if
      :: exclusive_queue?other -> asleep[other] = 0
      :: front_queue?other -> asleep[other] = 0
      :: turn_queue?other -> asleep[other] = 0
      :: empty(exclusive_queue) && empty(front_queue) && empty(turn_queue) -> skip
      fi
    :: wake == ONE_IN_FRONT ->
      if
      :: front_queue?other -> asleep[other] = 0
      :: turn_queue?other -> asleep[other] = 0
      :: empty(front_queue) && empty(turn_queue) -> skip
      fi
    :: wake == WHOSE_TURN ->
      if
      :: turn_queue?other -> asleep[other] = 0
      :: empty(turn_queue) -> skip
      fi
    :: wake == ALL_SHARED ->
      do
      :: shared_queue?other -> asleep[other] = 0
      :: empty(shared_queue) -> break
      od
    :: else -> skip
    fi;
#endif
    wake = NOBODY;
    other = 0
  }
}

inline clear() { slept = 0; mine = 0; asked = 0; since = 0; late = 0; going[_pid] = 0; stale[_pid] = 0 }

// In one step with the change of the word that took it.
inline enter_exclusive() {
  assert(owners == 0 && sharers == 0 && (turn_of == 0 || turn_of == _pid));
  owners = 1;
  turn_of = 0;
  clear()
}

// The only sharer was served before it is alone: no turn stands against it.
inline upgrade() {
  sharers--;
  assert(owners == 0 && sharers == 0);
  owners = 1;
  clear()
}

inline enter_shared() {
  assert(owners == 0 && turn_of == 0);
  sharers++;
  clear()
}

// The word that is left is one that a release by the fast path may leave, having looked at nothing else.
#ifdef BROKEN_HIT_LEAVES_SLEEPERS
#define STEADY(w) (WAITING(w) > 0 && !((w) & (ETURN | STURN)))
#else
#ifdef BROKEN_HIT_LEAVES_TURN
#define STEADY(w) (WAITING(w) > 0 && ((w) & (AWAKE | ETURN)))
#else
#define STEADY(w) ((w) == 0 || (WAITING(w) > 0 && ((w) & AWAKE) && !((w) & (ETURN | STURN))))
#endif
#endif

inline release_exclusive() {
  if
  :: atomic {
      STEADY(word & ~(EXCL | OWNER_MASK)) ->
      owners = 0;
      word = word & ~(EXCL | OWNER_MASK)
    }
  :: atomic {
      owners = 0;
      next = word & ~(EXCL | OWNER_MASK);
#ifndef BROKEN_RELEASE_FORGETS
      settle();
#endif
      word = next;
      next = 0
    }
    perform()
  fi
}

inline release_shared() {
  atomic {
    sharers--;
    next = word - ONE_SHARED;
    if
    :: FREE(next) -> settle()
    :: else -> skip
    fi;
    word = next;
    next = 0
  }
  perform()
}

// The waiter leaves; `turn` is the one it may have asked for.
inline give_up(turn, is_shared) {
  atomic {
    next = word;
    if
    :: !is_shared -> next = (next - ONE_WAITING) & ~AWAKE
    :: else -> skip
    fi;
#ifndef BROKEN_GIVE_UP_KEEPS_TURN
    if
    :: asked -> next = next & ~turn; turn_of = (turn_of == _pid -> 0 : turn_of)
    :: else -> skip
    fi;
#endif
#ifndef BROKEN_GIVE_UP_WAKES_NOBODY
    settle();
#endif
    word = next;
    next = 0;
    clear()
  }
  perform()
}

inline ask(turn) {
  word = word | turn;
  turn_of = (turn == ETURN -> _pid : 0);
  asked = 1;
  slept = (turn == STURN -> 1 : slept)
}

inline enqueue(queue) {
  if
  :: queue == 0 && asked -> turn_queue!_pid
  :: queue == 0 && !asked && slept -> front_queue!_pid
  :: queue == 0 && !asked && !slept -> exclusive_queue!_pid
  :: queue == 1 -> shared_queue!_pid
  fi
}

inline dequeue() {
  if
  :: turn_queue??[eval(_pid)] -> turn_queue??eval(_pid)
  :: front_queue??[eval(_pid)] -> front_queue??eval(_pid)
  :: exclusive_queue??[eval(_pid)] -> exclusive_queue??eval(_pid)
  :: shared_queue??[eval(_pid)] -> shared_queue??eval(_pid)
  fi
}

#define MAY_ASK (since && !(word & (ETURN | STURN)) && !FREE(word))

// Between the change of the word, which left `half` in its lower half, and the end of the sleep.
inline sleep(queue, polls) {
  atomic {
    if
    :: HALF(word) == half && (polls || !stale[_pid]) -> enqueue(queue); asleep[_pid] = 1; going[_pid] = 0
    :: else ->
#ifndef BROKEN_CHANGED_DOES_NOT_ADOPT
      mine = (word & AWAKE) != 0;
#endif
      changed = 1
    fi;
    stale[_pid] = 0;
    half = 0
  }
  if
  :: atomic { changed -> changed = 0 }
  :: atomic { !changed && !asleep[_pid] -> slept = 1; mine = 1; going[_pid] = 1 }
  :: atomic {
      asleep[_pid] && spurious > 0 -> spurious--; dequeue(); asleep[_pid] = 0; slept = 1; mine = 1; going[_pid] = 1
    }
  :: atomic { asleep[_pid] && polls -> dequeue(); asleep[_pid] = 0; going[_pid] = 1 }
  :: atomic { asleep[_pid] && timed -> dequeue(); asleep[_pid] = 0; late = 1; going[_pid] = 1 }
  fi
}

proctype Exclusive(bit timed) {
  short next, half;
  byte wake, other;
  bit slept, mine, asked, since, late, changed;
begin:
  if
  :: goto stop
  :: true ->
    atomic {
      if
      :: ADMITS_EXCLUSIVE(word, 0) -> word = word | EXCL | (_pid * ONE_OWNER); enter_exclusive(); goto taken
      :: else ->
        word = word + ONE_WAITING;
        going[_pid] = 1
      fi
    }
  fi;
again:
  if
  :: atomic {
      ADMITS_EXCLUSIVE(word, asked) ->
      word = ((word & ~(AWAKE | ETURN)) - ONE_WAITING) | EXCL | (_pid * ONE_OWNER);
      word = (WAITING(word) == 0 -> word & ~FRONT : word);
      enter_exclusive()
    }
    goto taken
  :: atomic { !ADMITS_EXCLUSIVE(word, asked) && MAY_ASK -> ask(ETURN) }
    goto again
  :: !ADMITS_EXCLUSIVE(word, asked) && late -> goto gave_up
  :: atomic {
      !ADMITS_EXCLUSIVE(word, asked) && !late ->
#ifndef BROKEN_LOOK_DOES_NOT_ADOPT
      // A release since the last look may have found nobody asleep: it meant this waiter.
      if
      :: stale[_pid] && (word & AWAKE) -> mine = 1
      :: else -> skip
      fi;
#endif
      stale[_pid] = 0;
#ifndef BROKEN_PARKS_AWAKE
      word = (word & ~(mine -> AWAKE : 0)) | (slept && !asked -> FRONT : 0);
#endif
      half = HALF(word);
      going[_pid] = 1;
      mine = 0;
      since = 1
    }
    sleep(0, 0);
    goto again
  fi;
taken:
  // A step of its own: a jump from one atomic step into another would make them one.
  assert(owners == 1);
#ifdef UPGRADE
  if
  :: skip
  :: atomic {
      owners = 0;
      next = (word & ~(EXCL | OWNER_MASK)) + ONE_SHARED;
      settle();
      word = next;
      next = 0;
      sharers++;
      clear()
    }
    perform();
    release_shared();
    goto begin
  fi;
#endif
  release_exclusive();
  goto begin;
gave_up:
  give_up(ETURN, 0);
  goto begin;
stop:
  skip
}

proctype Shared(bit timed) {
  short next, half;
  byte wake, other;
  bit slept, mine, asked, since, late, changed;
begin:
  if
  :: goto stop
  :: skip
  fi;
again:
  if
  :: atomic {
      ADMITS_SHARED(word, slept) ->
      word = (slept -> (word & ~STURN) : word) + ONE_SHARED;
      enter_shared()
    }
    goto taken
  :: atomic { !ADMITS_SHARED(word, slept) && MAY_ASK -> ask(STURN) }
    goto again
  :: !ADMITS_SHARED(word, slept) && late -> goto gave_up
  :: atomic {
      !ADMITS_SHARED(word, slept) && !late ->
      word = word | PARKED;
      half = HALF(word);
      going[_pid] = 1;
      mine = 0;
      since = 1
    }
    sleep(1, SHARED_POLLS);
    goto again
  fi;
taken:
  assert(sharers > 0);
#ifdef UPGRADE
  if
  :: skip
  :: atomic {
      (word & SHARED_MASK) == ONE_SHARED ->
      word = (word - ONE_SHARED) | EXCL | (_pid * ONE_OWNER);
      upgrade()
    }
    release_exclusive();
    goto begin
  fi;
#endif
  release_shared();
  goto begin;
gave_up:
  give_up(STURN, 1);
  goto begin;
stop:
  skip
}

init {
  byte count;
  atomic {
    do
    :: count < EXCLUSIVE -> run Exclusive(0); count++
    :: count >= EXCLUSIVE && count < EXCLUSIVE + TIMED -> run Exclusive(1); count++
    :: count >= EXCLUSIVE + TIMED && count < EXCLUSIVE + TIMED + SHARED -> run Shared(0); count++
    :: count >= EXCLUSIVE + TIMED + SHARED && count < THREADS -> run Shared(1); count++
    :: count == THREADS -> break
    od
  }
}
