// SPDX-License-Identifier: Apache-2.0
// Sharers counted on lines beside the word, as Sources/Tokens/Readers.swift has them. The word is two numbers here, who has it exclusively
// and how many share it there: word.pml has its waiters. A sharer adds to any line, looks at the word, and enters, or takes that back
// and is counted in the word; it leaves by any line. A writer takes the word, reads the lines one after the other, and sleeps until
// their sum is 0. Nobody is alone beside a sharer; a writer that nobody will wake is an invalid end state.
//
// UPGRADE: a sharer that was counted on a line tries to become the writer. GIVES_UP: a writer may let the word go instead of waiting: a
// try, or a deadline. BROKEN_…: what the model must find. A wake-up is one step here; the code changes `draining`, and then wakes,
// which is a wake-up of who sleeps there next at worst.

#ifndef SHARERS
#define SHARERS 2
#endif
#ifndef WRITERS
#define WRITERS 1
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif

byte exclusive = 0;
byte shared = 0;
byte lines[2];
bit draining = 0;
bit asleep = 0;
byte inside = 0;
bit writing = 0;

// Which CPU a thread runs on is up to the kernel, at any time.
inline migrate(line) { if :: line = 0 :: line = 1 fi }

inline wake() {
  atomic {
    if
    :: draining -> draining = 0; asleep = 0
    :: else
    fi
  }
}

inline leave(line) {
#ifdef BROKEN_LOOKS_BEFORE_LEAVING
  looked = draining;
  lines[line]--;
#else
  lines[line]--;
  looked = draining;
#endif
  if
  :: looked -> wake()
  :: else
  fi;
  looked = 0
}

// The sum modulo 256, line by line.
inline count(sum) {
  sum = lines[0];
  sum = sum + lines[1]
}

inline section() {
  atomic { inside++; assert(!writing) }
  atomic { assert(!writing); inside-- }
}

proctype Sharer() {
  byte round, line, sum;
  bit looked, free;
  do
  :: round == ROUNDS -> break
  :: else ->
    migrate(line);
#ifdef BROKEN_LOOKS_BEFORE_COUNTING
    free = (exclusive == 0);
    lines[line]++;
#else
    lines[line]++;
    free = (exclusive == 0);
#endif
    if
    :: free ->
      section();
#ifdef UPGRADE
      atomic {
        if
        :: exclusive == 0 && shared == 0 -> exclusive = _pid
        :: else
        fi
      }
      if
      :: exclusive == _pid ->
        count(sum);
        if
        :: sum == 1 ->
          leave(line);
          atomic { writing = 1; assert(inside == 0) }
          writing = 0;
          atomic { exclusive = 0; line = 2 }
        :: else -> exclusive = 0
        fi;
        sum = 0
      :: else
      fi;
#endif
      if
      :: line < 2 -> migrate(line); leave(line)
      :: else
      fi
    :: else ->
#ifdef BROKEN_TAKES_BACK_ELSEWHERE
      migrate(line);
#endif
      leave(line);
      atomic { exclusive == 0 -> shared++ }
      section();
      shared--
    fi;
    atomic { free = 0; line = 0; round++ }
  od
}

proctype Writer() {
  byte round, sum;
  bit left;
  do
  :: round == ROUNDS -> break
  :: else ->
    atomic { exclusive == 0 && shared == 0 -> exclusive = _pid }
    do
#ifdef GIVES_UP
    :: true -> atomic { exclusive = 0; left = 1 }; break
#endif
    :: true ->
      count(sum);
      if
      :: sum == 0 -> break
      :: else
      fi;
      draining = 1;
#ifndef BROKEN_SLEEPS_WITHOUT_A_LOOK
      count(sum);
      if
      :: sum == 0 -> draining = 0; break
      :: else
      fi;
#endif
      atomic {
        if
        :: draining -> asleep = 1
        :: else
        fi
      }
      asleep == 0;
      draining = 0
    od;
    if
    :: left
    :: else ->
      atomic { writing = 1; assert(inside == 0) }
      writing = 0;
      exclusive = 0
    fi;
    atomic { left = 0; sum = 0; round++ }
  od
}

init {
  byte number;
  atomic {
    do
    :: number < SHARERS -> run Sharer(); number++
    :: number == SHARERS -> break
    od;
    number = 0;
    do
    :: number < WRITERS -> run Writer(); number++
    :: number == WRITERS -> break
    od
  };
  (_nr_pr == 1) -> assert(lines[0] + lines[1] == 0 || lines[0] + lines[1] == 256);
  assert(exclusive == 0 && shared == 0 && !draining)
}
