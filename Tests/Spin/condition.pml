// SPDX-License-Identifier: Apache-2.0
// Sleep and wake-up on a token's condition, as Sources/Tokens/BlockingPoints.swift has them: a sleeper reads the condition's number while it
// holds the token, lets the token go, sleeps while the number is the same, and takes the token again; a waker changes what is waited
// for under the token, then adds one to the number and wakes. ITEMS are produced by one thread and taken by TAKERS. A sleeper that
// nobody will wake is an invalid end state.
//
// ALL: wakes all instead of one. BROKEN_…: what the model must find.

#ifndef TAKERS
#define TAKERS 2
#endif
#ifndef ITEMS
#define ITEMS 4
#endif

byte held = 0;
byte number = 0;
byte items = 0;
byte taken = 0;
chan queue = [TAKERS] of { byte };
bit asleep[TAKERS + 2];
byte spurious = 1;

inline acquire() { atomic { held == 0 -> held = _pid } }
inline release() { atomic { assert(held == _pid); held = 0 } }

proctype Taker() {
  byte seen, mine;
  bit changed;
  do
  :: mine == ITEMS / TAKERS -> break
  :: else ->
    acquire();
    do
    :: items > 0 -> break
    :: items == 0 ->
#ifdef BROKEN_READS_AFTER_RELEASE
      release();
      seen = number;
#else
      seen = number;
      release();
#endif
      atomic {
        if
        :: number == seen -> queue!_pid; asleep[_pid] = 1
        :: else -> changed = 1
        fi;
        seen = 0
      }
      if
      :: atomic { changed -> changed = 0 }
      :: atomic { !changed && !asleep[_pid] -> skip }
      :: atomic { asleep[_pid] && spurious > 0 -> spurious--; queue??eval(_pid); asleep[_pid] = 0 }
      fi;
      acquire()
    od;
    atomic { assert(items > 0); items--; taken++; mine++ }
    release()
  od
}

proctype Producer() {
  byte other, made;
  do
  :: made == ITEMS -> break
  :: else ->
    acquire();
    atomic { items++; made++ }
    release();
#ifndef BROKEN_WAKE_WITHOUT_CHANGE
    number++;
#endif
    atomic {
#ifdef ALL
      do
      :: queue?other -> asleep[other] = 0
      :: empty(queue) -> break
      od;
#else
      if
      :: queue?other -> asleep[other] = 0
      :: empty(queue) -> skip
      fi;
#endif
      other = 0
    }
  od
}

init {
  byte count;
  atomic {
    do
    :: count < TAKERS -> run Taker(); count++
    :: count == TAKERS -> break
    od;
    run Producer()
  };
  (_nr_pr == 1) -> assert(items == 0 && taken == ITEMS)
}
