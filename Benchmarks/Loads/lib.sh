# SPDX-License-Identifier: Apache-2.0
#
# What the scripts of real programs share; sourced, never run. ANAX_BENCH_LIBRARY is the library that the measured program
# gets preloaded; empty is the C library's own malloc. A script prints one line of JSON with its metrics.
# shellcheck shell=bash

set -euo pipefail
folder=$(mktemp -d "${TMPDIR:-/tmp}/anax-load.XXXXXX")
trap 'rm -rf "$folder"' EXIT

# Ends the script as one that cannot be measured here.
absent() {
  echo "$1 is not installed" >&2
  exit 77
}

need() { for tool in "$@"; do command -v "$tool" >/dev/null || absent "$tool"; done; }

# become COMMAND…: this (sub)shell becomes the command, with the library.
become() { LD_PRELOAD=$ANAX_BENCH_LIBRARY exec "$@"; }

# timed COMMAND…: runs it with the library; milliseconds and peak memory as metrics, the output thrown away.
timed() {
  need python3
  python3 - "$@" <<'PY'
import os, resource, sys, time
environment = dict(os.environ)
if environment.get("ANAX_BENCH_LIBRARY"):
    environment["LD_PRELOAD"] = environment["ANAX_BENCH_LIBRARY"]
nowhere = os.open("/dev/null", os.O_WRONLY)
start = time.monotonic()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], environment, file_actions=[(os.POSIX_SPAWN_DUP2, nowhere, 1)])
_, status, usage = os.wait4(child, 0)
wall = time.monotonic() - start
if status != 0:
    sys.exit(f"{sys.argv[1]} ended with status {status}")
print('{"metrics":{"ms":%f,"peak_mib":%f}}' % (wall * 1e3, usage.ru_maxrss / 1024))
PY
}
