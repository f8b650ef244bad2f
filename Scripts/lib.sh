# SPDX-License-Identifier: Apache-2.0
#
# What the scripts share; sourced, never run. `complain` and `die` name the script that speaks; `need_packages` and
# `want_packages` install Debian packages where they may; steps are timed and bounded, write to a log of their own, and are
# counted for the summary.
# A step is a function `step_NAME` of the script that calls `run_steps`; it runs in a process of its own, so that
# `set -e` holds in it and its limit ends all that it started. It ends with 0, with $skipped after printing the reason,
# or with anything else: failed.
# shellcheck shell=bash

# A step's exit status for "cannot be run here".
readonly skipped=77

complain() { echo "$(basename "$0"): $*" >&2; }

die() {
  complain "$@"
  exit 1
}

skip() {
  echo "$*"
  exit "$skipped"
}

# apt_get ARGUMENTS…: apt-get, which waits for another that is at work.
apt_get() { DEBIAN_FRONTEND=noninteractive timeout 600 apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }

# need_packages PACKAGE…: installs them as root with apt-get, else says what to install.
need_packages() {
  (($# > 0)) || return 0
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    die "not installed: $* (Debian and Ubuntu: sudo apt-get install $*)"
  fi
  echo "installing $*"
  apt_get update || complain "apt-get update failed; trying with the lists that are here"
  apt_get install -y --no-install-recommends "$@" >/dev/null ||
    die "apt-get could not install: $*"
}

# want_packages PACKAGE…: installs them where it may; what cannot be installed is said, and left out.
want_packages() {
  (($# > 0)) || return 0
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    echo "installing $*" >&2
    apt_get update >&2 || complain "apt-get update failed; trying with the lists that are here"
    # One by one: where apt-get does not know one of several, it installs none.
    local package
    for package in "$@"; do
      apt_get install -y --no-install-recommends "$package" >&2 ||
        complain "$package could not be installed; what needs it is left out"
    done
  else
    complain "not installed, and so left out: $* (apt-get install $*)"
  fi
}

# What the benchmark of locks is built with: installs what it may, and tells the linker's flags of each lock that is there,
# which Benchmarks/Package.swift reads.
want_locks() {
  local missing=()
  if [[ ! -e /usr/include/absl/synchronization/mutex.h ]]; then missing+=(libabsl-dev); fi
  if [[ ! -e /usr/include/nsync.h ]]; then missing+=(libnsync-dev); fi
  if [[ ! -e /usr/include/numa.h ]]; then missing+=(libnuma-dev); fi
  if ! command -v pkg-config >/dev/null; then missing+=(pkg-config); fi
  want_packages ${missing[@]+"${missing[@]}"}
  if [[ -e /usr/include/absl/synchronization/mutex.h ]] && pkg-config --exists absl_synchronization; then
    ANAX_BENCH_ABSL=$(pkg-config --libs absl_synchronization | tr ' ' '\n' | grep '^-[lL]' | paste -sd ' ')
    export ANAX_BENCH_ABSL
  fi
  if [[ -e /usr/include/nsync.h ]]; then export ANAX_BENCH_NSYNC=-lnsync; fi
}

# clock SECONDS: as 1:05.
clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

step_child=
step_rows=()
step_failures=()
step_passed=0
step_failed=0
step_left_out=0

# run_step NAME LIMIT LOUD TITLE: LOUD 1 shows the step's output as it comes, else only its last line, or a failure's end.
run_step() {
  local name=$1 limit=$2 loud=$3 title=$4 status=0 start=$SECONDS log=$logs/$1.log word note
  echo
  echo "== $title ($name)"
  : >"$log"
  if [[ $loud == 1 ]]; then
    timeout -k 20 "$limit" bash "$PWD/Scripts/$(basename "$0")" --step "$name" > >(tee "$log") 2>&1 </dev/null &
  else
    timeout -k 20 "$limit" bash "$PWD/Scripts/$(basename "$0")" --step "$name" >"$log" 2>&1 </dev/null &
  fi
  step_child=$!
  wait "$step_child" || status=$?
  step_child=
  # What is shown passes through tee, which may be a moment behind.
  [[ $loud == 0 ]] || sleep 0.5
  note=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1 | cut -c1-100) || true
  case $status in
    0)
      word=passed
      step_passed=$((step_passed + 1))
      [[ $loud == 1 ]] || echo "$note"
      ;;
    "$skipped")
      word=skipped
      step_left_out=$((step_left_out + 1))
      [[ $loud == 1 ]] || echo "$note"
      ;;
    *)
      word=FAILED
      step_failed=$((step_failed + 1))
      if [[ $status == 124 || $status == 137 ]]; then echo "over its limit of $limit s" | tee -a "$log"; fi
      if [[ $loud == 0 ]]; then
        # What a compiler or a test complained about may lie far above the end.
        complaints "$log"
        echo "  the log's end ($log):"
        tail -n 40 "$log" | cut -c1-300 | sed 's/^/  | /'
      fi
      note="exit status $status; log: $log"
      step_failures+=("$name")
      ;;
  esac
  echo "-- $word: $name, $(clock $((SECONDS - start)))"
  step_rows+=("$(printf '%-16s %-8s %7s  %s' "$name" "$word" "$(clock $((SECONDS - start)))" "$note")")
}

# complaints LOG: the lines that say what went wrong.
complaints() {
  grep -nE '(error|warning): |✘|Fatal error|FAILED' "$1" | cut -c1-300 | head -n 40 | sed 's/^/  | /' || true
}

# Ends with 1 when a step failed. The last line counts steps. What a failed step's log complains of, and how it ended, is
# shown once more, for whoever has only the end of the whole output.
summary() {
  local name
  for name in ${step_failures[@]+"${step_failures[@]}"}; do
    echo
    echo "== What failed ($name)"
    complaints "$logs/$name.log"
    echo "  the log's end:"
    tail -n 25 "$logs/$name.log" | cut -c1-300 | sed 's/^/  | /'
  done
  echo
  printf '%-16s %-8s %7s  %s\n' step result time ''
  printf '%s\n' ${step_rows[@]+"${step_rows[@]}"}
  echo
  echo "whole: $(clock "$SECONDS")"
  echo "$step_passed passed, $step_failed failed, $step_left_out skipped"
  ((step_failed == 0))
}
