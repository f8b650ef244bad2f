# SPDX-License-Identifier: Apache-2.0
#
# Shows that the driver can fail: broken libraries (broken.c, one fault each) have to be told from a sound one. Run by
# `Scripts/test-programs --self-test`, with the root of the checkout as argument.

set -euo pipefail
root=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/anax-broken.XXXXXX")
trap 'rm -rf "$work"' EXIT
compiler=$(command -v cc || command -v gcc || command -v clang)
names=(ABSENT OVERLAP DIRTY SOUND)
wrong=0

# Few programs suffice, each of which would show every fault but the first, which only the witness sees.
for fault in "${names[@]}"; do
  "$compiler" -O2 -shared -fPIC -fno-builtin -DFAULT="$fault" -o "$work/$fault.so" "$root/Tests/Programs/broken.c"
  for program in perl make coreutils; do
    status=0
    "$root/Scripts/test-programs" --library "$work/$fault.so" --quick --no-install --only "$program" \
      >"$work/log" 2>&1 || status=$?
    expected=1
    [[ $fault == SOUND ]] && expected=0
    reason=$(grep '^failed:' "$work/log" | head -n 1 || true)
    if [[ $status == "$expected" ]] && ! grep -q ', 1 skipped' "$work/log"; then
      printf 'PASS  %-8s %-10s %s\n' "$fault" "$program" "$reason"
    else
      wrong=$((wrong + 1))
      printf 'FAIL  %-8s %-10s ended with %s, expected %s\n' "$fault" "$program" "$status" "$expected"
      sed 's/^/    /' "$work/log"
    fi
  done
done
echo "$((${#names[@]} * 3 - wrong)) passed, $wrong failed, 0 skipped"
((wrong == 0))
