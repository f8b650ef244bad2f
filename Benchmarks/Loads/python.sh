#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Python as it allocates without its own small-object allocator: objects, texts, dictionaries, lists that grow.
source "$(dirname "$0")/lib.sh"
need python3
cat >"$folder/load.py" <<'PY'
import json
rows = []
for number in range(30000):
    rows.append({"id": number, "name": "name %d" % number, "tags": [str(number % 7), str(number % 11)]})
text = json.dumps(rows)
back = json.loads(text)
words = {}
for row in back:
    for word in row["name"].split() + row["tags"]:
        words.setdefault(word, []).append(row["id"])
print(len(text), len(words))
PY
export PYTHONMALLOC=malloc PYTHONHASHSEED=1
timed python3 "$folder/load.py"
