// SPDX-License-Identifier: Apache-2.0
// Taking several tokens as Sources/Tokens/HeldSet.swift does: each thread wants three tokens in an order of its own; at the first that
// cannot be had at once it gives back all, waits for that one holding nothing, and tries the others; after PASSES such passes it
// takes them in the order of addresses, and waits for each with the ones before in hand. At a blocking point it lets all go and takes
// them again. A token is a lock here, and a wait for it ends when it can be had (word.pml is about that). A deadlock is an
// invalid end state. A thread needs at most PASSES + 3 waits.
//
// BROKEN_…: what the model must find.

#ifndef THREADS
#define THREADS 3
#endif
#ifndef PASSES
#define PASSES 1
#endif
#define TOKENS 3

// 0: free; else the holder's number, or 8 and a count of sharers.
byte token[TOKENS];
byte inside[TOKENS];

#define HAS(t) (have & (1 << (t)))
#define CAN_TAKE(t) (token[t] == 0 || (shared && token[t] > 8 && token[t] < 8 + THREADS + 1))

inline take(t) {
  assert(!HAS(t));
  if
  :: shared -> token[t] = (token[t] == 0 -> 9 : token[t] + 1)
  :: else -> token[t] = _pid
  fi;
  have = have | (1 << (t))
}

inline give(t) {
  if
  :: HAS(t) && shared -> token[t] = (token[t] == 9 -> 0 : token[t] - 1)
  :: HAS(t) && !shared -> assert(token[t] == _pid); token[t] = 0
  :: else -> skip
  fi;
  have = have & ~(1 << (t))
}

inline give_all() {
  place = 0;
  do
  :: place < TOKENS -> atomic { give(place); place++ }
  :: else -> break
  od
}

// The token at a place of the thread's program order.
#define AT(p) (((p) * step + start) % TOKENS)

// Takes all; `blocker` is a place, or TOKENS for none.
inline take_all() {
  passes = 0;
  blocker = TOKENS;
  waits = 0;
  do
  :: passes >= PASSES ->
#ifdef BROKEN_PROGRAM_ORDER
    // Waits with tokens in hand, in its own order.
    place = 0;
    do
    :: place < TOKENS -> atomic { CAN_TAKE(AT(place)) -> take(AT(place)); place++; waits++ }
    :: else -> break
    od;
#else
    place = 0;
    do
    :: place < TOKENS -> atomic { CAN_TAKE(place) -> take(place); place++; waits++ }
    :: else -> break
    od;
#endif
    break
  :: passes < PASSES ->
    if
    :: blocker < TOKENS ->
#ifndef BROKEN_KEEPS
      assert(have == 0);
#endif
      atomic { CAN_TAKE(AT(blocker)) -> take(AT(blocker)); waits++ }
    :: else -> skip
    fi;
    place = 0;
    failed = TOKENS;
    do
    :: place < TOKENS && failed == TOKENS ->
      atomic {
        if
        :: place == blocker -> place++
        :: place != blocker && !HAS(AT(place)) && CAN_TAKE(AT(place)) -> take(AT(place)); place++
        :: place != blocker && HAS(AT(place)) -> place++
        :: else -> failed = place
        fi
      }
    :: else -> break
    od;
    if
    :: failed == TOKENS -> break
    :: else ->
#ifdef BROKEN_KEEPS
      // Gives back what it took in this pass, but not the one that it waited for.
      place = 0;
      do
      :: place < TOKENS ->
        atomic {
          if
          :: blocker == TOKENS || place != AT(blocker) -> give(place)
          :: else -> skip
          fi;
          place++
        }
      :: else -> break
      od;
#else
      give_all();
#endif
      blocker = failed;
      passes++
    fi
  od;
  assert(waits <= PASSES + TOKENS);
  place = 0; blocker = TOKENS; failed = TOKENS; waits = 0; passes = 0
}

inline section() {
  atomic {
    assert(have == 7);
    place = 0;
    do
    :: place < TOKENS ->
      assert(shared || inside[place] == 0);
      assert(inside[place] < 8);
      inside[place] = (shared -> inside[place] + 1 : 8);
      place++
    :: else -> break
    od;
    place = 0
  }
  atomic {
    do
    :: place < TOKENS -> inside[place] = (shared -> inside[place] - 1 : 0); place++
    :: else -> break
    od;
    place = 0
  }
}

proctype Thread(byte start, step; bit shared) {
  byte have, place, passes, blocker, failed, waits;
begin:
  if
  :: goto stop
  :: true ->
    take_all();
    section();
    // A blocking point.
    if
    :: true -> give_all(); take_all(); section()
    :: true
    fi;
    give_all();
    place = 0;
    goto begin
  fi;
stop:
  skip
}

init {
  atomic {
    // Orders 0 1 2, 2 1 0, 1 2 0, 0 2 1: the third shares.
    run Thread(0, 1, 0);
    run Thread(2, 2, 0);
    if
    :: THREADS > 2 -> run Thread(1, 1, 1)
    :: else -> skip
    fi;
    if
    :: THREADS > 3 -> run Thread(0, 2, 0)
    :: else -> skip
    fi
  }
}
