# SPDX-License-Identifier: Apache-2.0
#
# A program under valgrind, which knows no restartable sequences: the library has to fall to a lower rung by itself.

tools=(valgrind sort)
packages=(valgrind)
witness=(sort)
limit=90

run() {
  seq 1 20000 | awk '{ print ($1 * 7919) % 20011 }' >numbers
  # The tool's process is called after the tool; the witness sees the program that it carries.
  under 60 valgrind -q --tool=none sort -n --parallel=2 numbers | sha256sum
  under 60 valgrind -q --tool=none bash -c 'a=(); for i in {1..2000}; do a+=("$i$i"); done; echo "${#a[@]} ${a[77]}"'
  under 60 sort -n numbers | sha256sum
}
