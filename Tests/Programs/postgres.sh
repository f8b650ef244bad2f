# SPDX-License-Identifier: Apache-2.0
#
# PostgreSQL: initdb, pgbench from several clients, parallel queries, a dump and a restart. As an unprivileged user, in
# the pass's folder, on a Unix socket only.

tools=(pgbench psql pg_dump setpriv)
packages=(postgresql postgresql-client util-linux)
witness=(postgres initdb pgbench pg_dump)
limit=120

# Debian keeps the server's programs out of PATH.
binaries() {
  local found
  found=$(command -v pg_config >/dev/null && pg_config --bindir || true)
  if [[ ! -x $found/initdb ]]; then
    found=$(find /usr/lib/postgresql -maxdepth 3 -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
    found=${found%/initdb}
  fi
  [[ -x $found/initdb ]] || skip "PostgreSQL's server programs were not found (Debian package postgresql)"
  PATH=$found:$PATH
}

# user COMMAND…: becomes the command as an unprivileged user, where this is run as root.
as=()
[[ $(id -u) == 0 ]] && as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)

prepare() { binaries; }

sql() { under 60 ${as[@]+"${as[@]}"} psql -X -q -A -t -h "$PWD" -U postgres -v ON_ERROR_STOP=1 "$@"; }

start() {
  serve ${as[@]+"${as[@]}"} postgres -D data -k "$PWD" -c listen_addresses= -c fsync=off -c shared_buffers=64MB \
    -c max_parallel_workers_per_gather=2 -c min_parallel_table_scan_size=64kB -c dynamic_shared_memory_type=posix
  until_true 30 pg_isready -q -h "$PWD"
  mapped "$server"
}

# A fast shutdown: ends the clients, keeps the data.
shut() {
  kill -INT "$server"
  wait "$server" || echo "the server ended with status $?"
}

run() {
  binaries
  under 60 ${as[@]+"${as[@]}"} initdb -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >initdb.log
  start
  under 60 ${as[@]+"${as[@]}"} pgbench -h "$PWD" -U postgres -i -q -s "$(pick 5 2)" postgres 2>/dev/null
  under 60 ${as[@]+"${as[@]}"} pgbench -h "$PWD" -U postgres -c 8 -j 2 -t "$(pick 1500 300)" postgres 2>/dev/null |
    grep -E 'processed|failed'
  under 60 ${as[@]+"${as[@]}"} pgbench -h "$PWD" -U postgres -C -S -M prepared -c 4 -j 2 -t "$(pick 150 40)" postgres 2>/dev/null |
    grep -E 'processed|failed'
  sql postgres <<SQL
SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history),
  (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(tbalance) FROM pgbench_tellers),
  (SELECT count(*) FROM pgbench_history);
CREATE TABLE t AS SELECT i, (i::bigint * 7919 % 10007)::int AS k, md5(i::text) AS h FROM generate_series(1, $(pick 300000 60000)) i;
CREATE INDEX ON t (k, h);
ANALYZE t;
SELECT count(*), count(DISTINCT k), md5(string_agg(h, '' ORDER BY h)) FROM t;
SELECT a.k % 10, count(*) FROM t a JOIN t b ON a.h = b.h AND a.k = b.k GROUP BY 1 ORDER BY 1;
SELECT md5(string_agg(x::text, ',' ORDER BY k)) FROM (SELECT k, jsonb_agg(i ORDER BY i) x FROM t GROUP BY k) s;
SELECT count(*) FROM t WHERE h ~ '([0-9])\1[a-f]{2}';
CREATE FUNCTION churn(n int) RETURNS bigint LANGUAGE plpgsql AS \$\$
DECLARE s text := ''; total bigint := 0; BEGIN
  FOR j IN 1..n LOOP s := s || j; IF length(s) > 20000 THEN total := total + length(s); s := ''; END IF;
    BEGIN IF j % 1000 = 0 THEN RAISE EXCEPTION 'x'; END IF; EXCEPTION WHEN OTHERS THEN total := total + 1; END; END LOOP;
  RETURN total; END \$\$;
SELECT churn(20000);
VACUUM FULL t;
SQL
  under 60 ${as[@]+"${as[@]}"} pg_dump -h "$PWD" -U postgres -t t --no-sync postgres | grep -vE '^(--|\\(un)?restrict )' | sha256sum
  shut
  start
  sql postgres -c 'SELECT count(*), sum(k) FROM t'
  shut
}
