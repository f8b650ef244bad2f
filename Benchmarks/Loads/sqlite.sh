#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# sqlite in memory: inserts, an index, joins and texts put together.
source "$(dirname "$0")/lib.sh"
need sqlite3
cat >"$folder/load.sql" <<'SQL'
CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, weight REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
INSERT INTO items SELECT i, 'item ' || (i * 7919 % 100003), i * 0.5 FROM n;
CREATE INDEX by_name ON items (name);
SELECT count(*), sum(a.weight) FROM items a JOIN items b ON a.name = b.name;
SELECT length(group_concat(name)) FROM items;
DELETE FROM items WHERE id % 3 = 0;
SELECT count(*) FROM items;
SQL
timed sqlite3 :memory: ".read $folder/load.sql"
