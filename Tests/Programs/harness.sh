# SPDX-License-Identifier: Apache-2.0
#
# What a program's file may call, and the process that runs one pass of it (`harness.sh FILE PHASE`). The driver,
# Scripts/test-programs, starts it with the environment below; a program's file defines functions and variables only.
# Invariant: whatever is started through `under`, `serve` or `as_user` runs on the allocator of this pass, and nothing
# else does; every step is bounded in time.
#
#   PROGRAM_PRELOAD   what goes into LD_PRELOAD: the witness alone, or the library and the witness
#   PROGRAM_RUNG      the rung to force on the library, empty in the plain pass
#   PROGRAM_QUICK     1 for the small sizes
#   PROGRAM_FILES     where the programs' own files lie (Tests/Programs)
#   PROGRAM_SHARED    a folder made by `prepare` once, the same for every pass
#   PROGRAM_PASS      plain or library
#   PROGRAM_LIBRARY   the library that is preloaded in this pass, empty if none is
#   PROGRAM_ROOT      the checkout; PROGRAM_HOME the caller's home, for builds in `prepare`
#
# A program's file defines:
#   tools      commands that it needs, one word each
#   packages   Debian packages that bring them
#   ready      optional; a command that fails where the packages are wanted though the tools are there
#   witness    executables that must be seen running on the library, by name as awk's regular expressions
#   owner      optional; the executable that has its own `malloc`, where that is what is tested
#   preload    optional; `no` if the library is linked in and nothing has to be preloaded
#   limit      seconds one pass may take; prepare_limit likewise
#   prepare()  optional; makes inputs in $PROGRAM_SHARED, never on the library
#   run()      prints what must be the same on every allocator; standard error is shown only after a failure

set -euo pipefail

# run's exit status for "cannot be run here"; the driver shows the last line of standard error as the reason.
readonly skipped=77

servers=()

skip() {
  echo "$*" >&2
  exit "$skipped"
}

fail() {
  echo "$*" >&2
  exit 1
}

# pick FULL QUICK: prints the size for this run.
pick() {
  if [[ "$PROGRAM_QUICK" == 1 ]]; then echo "$2"; else echo "$1"; fi
}

# on_library COMMAND…: becomes the command, on the allocator of this pass. It replaces the shell it is called in.
on_library() {
  export LD_PRELOAD="$PROGRAM_PRELOAD"
  if [[ -n "$PROGRAM_RUNG" ]]; then export ANAX_RUNG="$PROGRAM_RUNG"; fi
  exec "$@"
}

# under SECONDS COMMAND…: runs a step on the allocator of this pass.
under() {
  local seconds=$1 status=0
  shift
  (on_library timeout -k 5 "$seconds" "$@") || status=$?
  if [[ $status -eq 124 || $status -eq 137 ]]; then echo "killed or over $seconds s: $*" >&2; fi
  return "$status"
}

# plainly SECONDS COMMAND…: runs a step on the system's allocator, for looking at results.
plainly() {
  local seconds=$1
  shift
  timeout -k 5 "$seconds" "$@"
}

# serve COMMAND…: starts a server on the allocator of this pass; its process id is $server, its log server.log.
serve() {
  (on_library "$@") >>server.log 2>&1 </dev/null &
  server=$!
  servers+=("$server")
}

# stop PID: asks a server of ours to end, waits up to 20 s, and says so if it had to be killed or left with an error.
stop() {
  local pid=$1 status=0 tick
  kill -TERM "$pid" 2>/dev/null || true
  for tick in {1..200}; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null && echo "server $pid did not stop in 20 s (tick $tick)" >&2
  wait "$pid" || status=$?
  return "$status"
}

# mapped PID: fails unless the library of this pass is mapped in the process.
mapped() {
  if [[ -n "$PROGRAM_LIBRARY" ]] && ! grep -qF "$PROGRAM_LIBRARY" "/proc/$1/maps"; then
    fail "the library is not mapped in process $1"
  fi
}

# until_true SECONDS COMMAND…: repeats the command until it succeeds.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= end)); then
      echo "did not come true in time: $*" >&2
      tail -n 20 server.log >&2 2>/dev/null || true
      return 1
    fi
    sleep 0.1
  done
}

# digest FILE…: one checksum a file, without its path.
digest() {
  local file
  for file in "$@"; do
    echo "$(basename "$file") $(sha256sum <"$file" | cut -d' ' -f1)"
  done
}

end_servers() {
  local pid
  for pid in ${servers[@]+"${servers[@]}"}; do
    kill -KILL "$pid" 2>/dev/null || true
  done
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
  trap end_servers EXIT
  prepare() { :; }
  # shellcheck source=/dev/null
  source "$1"
  "$2"
fi
