#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A C compiler: many small structures that live for a pass, and a few that live to the end.
source "$(dirname "$0")/lib.sh"
need gcc
{
  echo '#include <stdlib.h>'
  for number in {1..250}; do
    echo "static int f$number(int *a, int n) { int s = $number; for (int i = 0; i < n; i++) { s ^= a[i] * $number + i;"
    echo "switch (s & 7) { case 0: s += a[i]; break; case 3: s -= i; break; case 5: s ^= 0x55; break; default: s <<= 1; } } return s; }"
  done
  echo 'int main(void) { int a[64] = {1, 2, 3}; int s = 0;'
  for number in {1..250}; do echo "s += f$number(a, 64);"; done
  echo 'return s & 1; }'
} >"$folder/load.c"
timed gcc -O2 -c -o "$folder/load.o" "$folder/load.c"
