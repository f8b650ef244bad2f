#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# redis under redis-benchmark: sets and gets of values of 200 and 2000 bytes, lists pushed; then the resident memory of the server, and
# what is left of it 5 s after everything was deleted.
source "$(dirname "$0")/lib.sh"
need redis-server redis-benchmark redis-cli
socket=$folder/redis.sock
become redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no --dir "$folder" >"$folder/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
for _ in {1..100}; do
  if redis-cli -s "$socket" ping >/dev/null 2>&1; then break; fi
  kill -0 "$server" 2>/dev/null || { tail -n 1 "$folder/log" >&2; exit 1; }
  sleep 0.05
done
resident() { awk '/^VmRSS:/ { print $2 / 1024 }' "/proc/$server/status"; }
redis-benchmark -s "$socket" -q --csv -n 60000 -r 60000 -c 20 -P 4 -d 200 -t set,get,lpush >"$folder/csv"
redis-benchmark -s "$socket" -q --csv -n 20000 -r 20000 -c 20 -P 4 -d 2000 -t set >>"$folder/csv"
rss=$(resident)
redis-cli -s "$socket" flushall >/dev/null
sleep 5
idle=$(resident)
# "test","rps","avg_latency_ms","min","p50","p95","p99","max"
awk -F'","|"' -v rss="$rss" -v idle="$idle" '
  $2 != "test" && NF > 8 { time += 1e6 / $3; if ($8 > worst) worst = $8; count++ }
  END {
    if (count == 0) exit 1
    printf "{\"metrics\":{\"us\":%f,\"p99_ms\":%f,\"rss_mib\":%f,\"idle_mib\":%f}}\n", time / count, worst, rss, idle
  }' "$folder/csv"
