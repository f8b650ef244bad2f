# SPDX-License-Identifier: Apache-2.0
#
# What the scripts of real programs share; sourced, never run. ANAX_BENCH_LIBRARY is the library that the measured program
# gets preloaded; empty is the C library's own malloc. ANAX_BENCH_LINKED is 1 where Anax is to be linked in instead. A script
# prints one line of JSON with its metrics.
# shellcheck shell=bash

set -euo pipefail
folder=$(mktemp -d "${TMPDIR:-/tmp}/anax-load.XXXXXX")
trap 'rm -rf "$folder"' EXIT

# absent REASON: ends the script as one that cannot be measured here; the report has the reason.
absent() {
  echo "$1" >&2
  exit 77
}

need() { for tool in "$@"; do command -v "$tool" >/dev/null || absent "$tool is not installed"; done; }

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

# serve_json EXECUTABLE: the JSON service under wrk; prints its metrics.
serve_json() {
  local program server port rss idle load
  program=$(dirname "${BASH_SOURCE[0]}")/../Service/.build/release/$1
  [[ -x $program ]] || absent "the service is not built (swift build --package-path Benchmarks/Service -c release)"
  become "$program" >"$folder/port" 2>"$folder/log" &
  server=$!
  # shellcheck disable=SC2064
  trap "kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf '$folder'" EXIT
  for _ in {1..100}; do
    if grep -q '^port [1-9]' "$folder/port"; then break; fi
    kill -0 "$server" 2>/dev/null || { tail -n 1 "$folder/log" >&2; exit 1; }
    sleep 0.05
  done
  port=$(awk '/^port/ { print $2 }' "$folder/port")
  cat >"$folder/report.lua" <<'LUA'
done = function(summary, latency, requests)
  local errors = summary.errors
  if errors.connect + errors.read + errors.write + errors.status + errors.timeout > 0 or summary.requests == 0 then
    io.stderr:write("requests failed\n")
    os.exit(1)
  end
  io.write(string.format("wrk %f %f %f %f\n", summary.duration / summary.requests,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency:percentile(99.9) / 1000))
end
LUA
  cat "$folder/report.lua" - >"$folder/orders.lua" <<'LUA'
local orders = {}
for number = 1, 40 do
  orders[number] = string.format('{"item":"an item with the number %d","count":%d,"price":%d.25}', number, number % 7, number)
end
wrk.method = "POST"
wrk.body = "[" .. table.concat(orders, ",") .. "]"
wrk.headers["Content-Type"] = "application/json"
LUA
  # A first second that does not count.
  timeout 20 wrk -t 2 -c 32 -d 1s "http://127.0.0.1:$port/records/20" >/dev/null
  for load in "records/5 report" "records/200 report" "orders orders"; do
    timeout 30 wrk -t 2 -c 32 -d 4s -s "$folder/${load#* }.lua" "http://127.0.0.1:$port/${load% *}" >>"$folder/wrk"
  done
  rss=$(awk '/^VmRSS:/ { print $2 / 1024 }' "/proc/$server/status")
  sleep 30
  idle=$(awk '/^VmRSS:/ { print $2 / 1024 }' "/proc/$server/status")
  awk -v rss="$rss" -v idle="$idle" '
    /^wrk / { time += log($2); p50 += log($3); p99 += log($4); p999 += log($5); count++ }
    END {
      if (count != 3) exit 1
      printf "{\"metrics\":{\"us\":%f,\"p50_ms\":%f,\"p99_ms\":%f,\"p999_ms\":%f,\"rss_mib\":%f,\"idle_mib\":%f}}\n",
        exp(time / count), exp(p50 / count), exp(p99 / count), exp(p999 / count), rss, idle
    }' "$folder/wrk"
}
