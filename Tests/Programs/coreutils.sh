# SPDX-License-Identifier: Apache-2.0
#
# Small tools in pipelines: a threaded sort, awk's tables, sed, and a shell that forks for each step. Thousands of short
# processes show what goes wrong at start and at exit.

tools=(sort awk sed bash find xargs)
packages=(coreutils mawk sed findutils)
witness=(sort bash sed find xargs)
limit=60

prepare() {
  awk -v n="$(pick 600000 100000)" 'BEGIN { srand(7); for (i = 0; i < n; i++)
    printf "%d %s%d %.6f\n", rand() * 1e9, substr("abcdefghijklmnopqrstuvwxyz", 1 + rand() * 20, 5), rand() * 1e5, rand() }' \
    >"$PROGRAM_SHARED/lines"
}

run() {
  export LC_ALL=C
  local lines=$PROGRAM_SHARED/lines
  under 60 sort --parallel=4 -S 16M -k2,2 -k1,1n "$lines" >sorted
  digest sorted
  under 60 awk '{ count[$2]++; sum[substr($2, 1, 3)] += $3 } END {
    for (k in count) keys++; for (k in sum) total += sum[k]; print keys, total }' "$lines"
  under 60 sed -E 's/([a-z]+)([0-9]+) /\2-\1 /; s/0\.([0-9]+)$/[\1]/' "$lines" >edited
  digest edited
  mkdir tree
  # shellcheck disable=SC2016
  under 60 bash -c 'for i in {1..400}; do mkdir -p "tree/$((i % 20))"; echo "$i $(printf %05d "$i")" >"tree/$((i % 20))/$i"; done
    declare -A seen; for f in tree/*/*; do read -r a b <"$f"; seen[$b]=$a; done; echo "${#seen[@]} ${seen[00007]}"'
  under 60 find tree -type f -print0 | under 60 xargs -0 -n 4 -P 4 cat | sort | sha256sum
  under 30 grep -c 'abc[0-9]*7 ' "$lines" || true
  under 30 tar -cf - --sort=name --mtime=@0 --owner=0 --group=0 tree | sha256sum
  under 30 ls -lR --time-style=+ /usr/share/misc 2>/dev/null | wc -l
}
