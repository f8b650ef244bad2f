# SPDX-License-Identifier: Apache-2.0
#
# xz and zstd on two threads, gzip and bzip2: large buffers, and threads that come and go with each block.

tools=(xz zstd gzip bzip2)
packages=(xz-utils zstd gzip bzip2)
witness=(xz zstd gzip bzip2)
limit=90

prepare() {
  awk -v n="$(pick 700000 150000)" 'BEGIN { srand(3); for (i = 0; i < n; i++)
    printf "%d,%s,%.4f\n", i, substr("the quick brown fox jumps over", 1 + rand() * 20, 8), rand() * 1000 }' \
    >"$PROGRAM_SHARED/data"
}

run() {
  local data=$PROGRAM_SHARED/data
  under 60 xz -T2 -3 --block-size=1MiB -c "$data" >data.xz
  under 60 xz -T2 -dc data.xz | cmp - "$data"
  under 60 zstd -q -T2 -9 --long=24 -c "$data" >data.zst
  under 60 zstd -q -dc --long=24 data.zst | cmp - "$data"
  under 60 zstd -q -T4 -3 -c "$data" >fast.zst
  under 60 gzip -nc "$data" >data.gz
  under 60 bzip2 -c "$data" >data.bz2
  under 60 bzip2 -dc data.bz2 | cmp - "$data"
  digest data.xz data.zst fast.zst data.gz data.bz2
}
