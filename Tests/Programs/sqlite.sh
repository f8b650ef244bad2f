# SPDX-License-Identifier: Apache-2.0
#
# SQLite over a generated database of a million rows: indexes, joins, sorting, JSON, a dump, and its own integrity check.

tools=(sqlite3)
packages=(sqlite3)
witness=(sqlite3)
limit=90

run() {
  # ANAX_SQLITE_ROWS: as many rows in a quick run too.
  local rows=${ANAX_SQLITE_ROWS:-$(pick 1000000 200000)}
  under 60 sqlite3 data.db <<SQL
PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA threads = 2;
CREATE TABLE item(id INTEGER PRIMARY KEY, bucket INT, name TEXT, price REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $rows)
INSERT INTO item SELECT i, (i * 7919) % 1009, 'name-' || ((i * 104729) % 65537), ((i * 31) % 10007) / 7.0 FROM n;
CREATE INDEX item_bucket ON item(bucket, price);
CREATE INDEX item_name ON item(name);
ANALYZE;
SELECT count(*), count(DISTINCT name), round(sum(price), 3) FROM item;
SELECT bucket, count(*), round(avg(price), 3) FROM item GROUP BY bucket ORDER BY 2 DESC, 1 LIMIT 5;
SELECT count(*) FROM item a JOIN item b ON a.name = b.name AND a.id < b.id AND a.bucket = b.bucket WHERE a.id < 20000;
SELECT name, group_concat(id, ',') FROM item WHERE bucket = 17 GROUP BY name ORDER BY name LIMIT 3;
SELECT id, row_number() OVER (PARTITION BY bucket ORDER BY price, id) FROM item WHERE id % 99991 = 0;
UPDATE item SET name = upper(name) || hex(id) WHERE bucket % 10 = 3;
DELETE FROM item WHERE bucket % 10 = 4;
SELECT count(*), sum(length(name)) FROM item;
SELECT sum(json_extract(json_object('a', json_array(id, name)), '\$.a[0]')) FROM item WHERE id < 50000;
VACUUM;
PRAGMA integrity_check;
SQL
  under 60 sqlite3 data.db .dump | sha256sum
}
