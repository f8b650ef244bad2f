# SPDX-License-Identifier: Apache-2.0
#
# redis-server under redis-benchmark with pipelining, a save in a forked child while writes go on, and a restart from the
# dump that has to hold the same data. On a Unix socket only.

tools=(redis-server redis-benchmark redis-cli)
packages=(redis-server redis-tools)
# redis-server and redis-check-rdb are one file; the executable's name is where the link leads.
witness=(redis-check-rdb redis-benchmark redis-cli)
limit=120

prepare() {
  # Known data of every type, as a stream of commands.
  awk -v n="$(pick 60000 10000)" 'BEGIN { for (i = 0; i < n; i++) {
    print "SET s:" i, "value-" i "-" (i * 7919) % 10007
    print "RPUSH l:" i % 500, "item" i, "more" i * 3
    print "HSET h:" i % 900, "f" i, "v" i * 5
    print "SADD set:" i % 300, i * 31 % 5003, "m" i
    print "ZADD z:" i % 200, i * 17 % 997, "member" i
    if (i % 3 == 0) print "DEL s:" int(i / 2)
    if (i % 5 == 0) print "APPEND s:" i, "tail-of-some-length"
    if (i % 50 == 0) print "XADD stream:" i % 4, i + 1 "-1", "k", "v" i
    if (i % 7 == 0) print "PFADD hll:" i % 3, "e" i } }' >"$PROGRAM_SHARED/commands"
}

client() { under 60 redis-cli -s "$socket" "$@"; }

start() {
  rm -f "$socket"
  serve redis-server --port 0 --unixsocket "$socket" --dir "$PWD" --save '' --appendonly no --enable-debug-command yes \
    --io-threads 2 --lazyfree-lazy-user-del yes
  until_true 30 answers
  mapped "$server"
}

answers() { [[ $(redis-cli -s "$socket" ping 2>/dev/null) == PONG ]]; }

saved() { [[ $(redis-cli -s "$socket" info persistence | tr -d '\r' | grep -c '^rdb_bgsave_in_progress:0') == 1 ]]; }

run() {
  socket=$PWD/socket
  start
  under 60 redis-cli -s "$socket" --pipe <"$PROGRAM_SHARED/commands" | grep -E '^errors'
  client debug digest
  client dbsize
  local requests
  requests=$(pick 200000 30000)
  under 90 redis-benchmark -s "$socket" -P 16 -c 50 -n "$requests" -r 50000 -d 100 -q \
    -t set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,mset,lrange_100 >benchmark.log 2>&1
  grep -acE '[0-9.]+ requests per second' benchmark.log
  # A save while writes go on: the parent frees and allocates while the child walks the same memory.
  client config set rdb-key-save-delay 0
  client bgsave
  under 60 redis-benchmark -s "$socket" -P 32 -c 20 -n "$requests" -r 50000 -d 300 -q -t set,lpush,hset >/dev/null 2>&1
  until_true 60 saved
  client info persistence | tr -d '\r' | grep -E '^rdb_last_bgsave_status'
  client eval 'local t = {} for i = 1, 20000 do t[i] = redis.call("SET", "lua:" .. i, string.rep("x", i % 300)) end return #t' 0
  client config set activerehashing yes
  client memory usage s:1 >/dev/null
  client info memory >/dev/null
  client unlink z:1 z:2 h:3
  local before after
  before=$(client debug digest)
  client debug reload
  [[ $(client debug digest) == "$before" ]] && echo "same after a reload"
  client bgsave >/dev/null
  until_true 60 saved
  kill -TERM "$server"
  wait "$server" || echo "the server ended with status $?"
  start
  after=$(client debug digest)
  if [[ $before == "$after" ]]; then echo "same after the restart"; else echo "before $before, after $after"; fi
  client flushall async
  client dbsize
  stop "$server" || echo "the server ended with status $?"
}
