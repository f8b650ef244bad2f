# SPDX-License-Identifier: Apache-2.0
#
# Virtual machines of any shape: qemu without acceleration, with Debian's cloud kernels, which are downloaded as packages and
# unpacked, never installed. Sourced, never run; the script sets `work`, the folder where all of it is kept, and `architecture`, where
# its machines are not amd64's, and sources lib.sh.
# `need_machines` sees to what is needed, or ends as skipped; `kernel_image` finds a kernel; `initramfs` builds what a machine
# boots; `boot` boots a machine of a given shape and waits for its end.
# shellcheck shell=bash

architecture=${architecture:-amd64}
case $architecture in
  amd64)
    # Debian 12's qemu emulates cmpxchg16b without a lock prefix wrongly, and kernels since 6.5 allocate with it: it is hidden from
    # the kernel (feature 141), and not from programs, since Swift's runtime wants it.
    emulator=(qemu-system-x86_64 -cpu qemu64)
    emulator_package=qemu-system-x86
    kernel_arguments='console=ttyS0 clearcpuid=141'
    ;;
  arm64)
    # A processor that has pages of 16 KiB too.
    emulator=(qemu-system-aarch64 -machine virt -cpu neoverse-n1)
    emulator_package=qemu-system-arm
    kernel_arguments=console=ttyAMA0
    ;;
esac
# A kernel that fails ends the machine, instead of the program that it failed in; one with a CPU that does not leave it for 40 seconds
# too, instead of standing still for as long as a machine may take.
kernel_arguments+=' oops=panic watchdog_thresh=20 softlockup_panic=1'
# How the emulator runs: a thread for each CPU. A script may set another way.
acceleration=(-accel tcg,thread=multi)

need_machines() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || skip "kernels are Debian packages, and apt-get is not here"
  if ! command -v "${emulator[0]}" >/dev/null; then
    (need_packages "$emulator_package") || skip "$emulator_package cannot be had"
  fi
  mkdir -p "$work"
  unpacked busybox-static || skip "the package busybox-static cannot be had"
  busybox=$work/busybox-static/bin/busybox
  [[ -x $busybox ]] || busybox=$work/busybox-static/usr/bin/busybox
}

# unpacked PACKAGE [APT_OPTION…]: downloads the package once and unpacks it into $work/PACKAGE. Fails where it cannot be had.
unpacked() {
  local package=$1 into=$work/$1
  shift
  if [[ -e $into.done ]]; then return 0; fi
  rm -rf "$into" "$into.deb.d"
  mkdir -p "$into" "$into.deb.d"
  (cd "$into.deb.d" && timeout 300 apt-get "$@" download "$package" >/dev/null 2>&1) || return 1
  dpkg-deb -x "$into.deb.d"/*.deb "$into" || return 1
  rm -rf "$into.deb.d"
  touch "$into.done"
}

# Where Debian's packages come from here: the sites that this machine has its release from, and then Debian's own.
debian_sites() {
  # shellcheck disable=SC2016
  {
    apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(SITE)' 'Created-By: Packages' 2>/dev/null | sed -n "s/^Debian $1 //p" || true
    echo http://deb.debian.org/debian
  } | awk '!seen[$0]++'
}

# package_lists NAME ARCHITECTURE [SUFFIX…]: apt's own places for the release's suites of these suffixes, so that the machine's stay as
# they are. Sets `apt_options`. Fails where no site has them all.
package_lists() {
  local codename apt=$work/apt-$1 architecture=$2 site suffix signed=
  local key=/usr/share/keyrings/debian-archive-keyring.gpg
  shift 2
  # shellcheck source=/dev/null
  codename=$(source /etc/os-release && echo "${VERSION_CODENAME:-}")
  [[ -n $codename ]] || return 1
  if [[ -r $key ]]; then signed=" signed-by=$key"; fi
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  : >"$apt/status"
  apt_options=(-o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache"
    -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture")
  for site in $(debian_sites "$codename"); do
    for suffix in "$@"; do echo "deb [arch=$architecture$signed] $site $codename$suffix main"; done >"$apt/sources.list"
    # A list that cannot be had is otherwise a warning.
    if timeout 120 apt-get "${apt_options[@]}" -o APT::Update::Error-Mode=any update >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

# kernel_image NAME [FLAVOR]: sets `image`, the kernel of the release or its backports to boot. Fails where there is none. One that was
# unpacked before needs no network.
kernel_image() {
  local flavor=${2:-cloud-$architecture} suffix=${1/release/} package images known apt_options=()
  known=$work/kernel-$1-$flavor
  package=$(cat "$known" 2>/dev/null || true)
  if [[ -z $package || ! -e $work/$package.done ]]; then
    suffix=${suffix:+-$suffix}
    # The machine's own lists have its release, for its own architecture.
    if [[ -n $suffix || $architecture != "$(dpkg --print-architecture)" ]]; then
      package_lists "$1-$architecture" "$architecture" "$suffix" || return 1
    fi
    package=$(apt-cache ${apt_options[@]+"${apt_options[@]}"} depends "linux-image-$flavor" 2>/dev/null |
      sed -nE "s/.*Depends: (linux-image-[0-9].*-$flavor)\$/\1/p" | head -n 1)
    [[ -n $package ]] || return 1
    unpacked "$package" ${apt_options[@]+"${apt_options[@]}"} || return 1
    echo "$package" >"$known"
  fi
  images=("$work/$package"/boot/vmlinuz-*)
  image=${images[0]}
  [[ -r $image ]]
}

# initramfs OUTPUT INIT [FILE…]: an initramfs that starts INIT as /init and has the files under /test, the libraries that they need,
# and busybox, if INIT is a script.
initramfs() {
  local output=$1 init=$2 root file needed
  shift 2
  root=$(mktemp -d "$work/root.XXXXXX")
  mkdir -p "$root"/{bin,dev,proc,sys,tmp,test}
  if [[ $(head -c 2 "$init") == '#!' ]]; then cp "$busybox" "$root/bin/busybox"; fi
  cp "$init" "$root/init"
  chmod 755 "$root/init"
  for file in "$@"; do
    cp "$file" "$root/test/"
    for needed in $(ldd "$file" 2>/dev/null | grep -oE '/[^ ]+' || true); do
      [[ ! -e $root$needed ]] || continue
      mkdir -p "$root$(dirname "$needed")"
      cp -L "$needed" "$root$needed"
    done
  done
  (cd "$root" && find . | "$busybox" cpio -o -H newc 2>/dev/null | gzip -1) >"$output"
  rm -rf "$root"
}

# boot LOG SECONDS KERNEL INITRAMFS SHAPE [ARGUMENT…]: boots a machine and waits until it powers off; what its console says is in
# LOG. The shape names each node's CPUs and megabytes, either of which may be 0, and, behind a slash, the rows of distances:
# "2:256 2:256 0:128/10 21 31,21 10 31,31 31 10". Arguments go to the kernel's command line, where `init` finds them.
boot() {
  local log=$1 seconds=$2 kernel=$3 initramfs=$4 shape=$5 node=0 cpu=0 megabytes=0 entry row value to arguments=()
  shift 5
  for entry in ${shape%%/*}; do
    value=node,nodeid=$node
    if ((${entry%:*} > 0)); then value+=,cpus=$cpu-$((cpu + ${entry%:*} - 1)); fi
    if ((${entry#*:} > 0)); then
      arguments+=(-object "memory-backend-ram,id=m$node,size=${entry#*:}M")
      value+=,memdev=m$node
    fi
    arguments+=(-numa "$value")
    cpu=$((cpu + ${entry%:*}))
    megabytes=$((megabytes + ${entry#*:}))
    node=$((node + 1))
  done
  if [[ $shape == */* ]]; then
    node=0
    while read -r row; do
      to=0
      for value in $row; do
        arguments+=(-numa "dist,src=$node,dst=$to,val=$value")
        to=$((to + 1))
      done
      node=$((node + 1))
    done < <(tr ',' '\n' <<<"${shape#*/}")
  fi
  timeout -k 10 "$seconds" "${emulator[@]}" "${acceleration[@]}" -nodefaults -display none -no-reboot \
    -m "$megabytes" -smp "$cpu" "${arguments[@]}" -serial stdio -kernel "$kernel" -initrd "$initramfs" \
    -append "$kernel_arguments panic=-1 quiet $*" </dev/null >"$log" 2>&1
}

# crashed LOG: whether the machine's kernel itself failed. With a thread for each CPU this emulator now and then runs half of an
# instruction that the kernel is patching (int3 in sched_clock_cpu, at about one boot in fifteen), and one boot in many hundreds stood
# still in a thread of the kernel; no program can cause that. Whatever else a kernel says of itself is taken so too, and told, but for
# one that stands still for a program.
crashed() {
  ! grep -aq '^end of the tests' "$1" && grep -aqE '^(<[0-9]>)?\[ *[0-9.]+\] (Oops: int3|kernel BUG at|Kernel panic)' "$1" &&
    ! grep -aqE 'Attempted to kill init|Out of memory' "$1" &&
    ! grep -aE 'BUG: soft lockup' "$1" | grep -avqE '\[(swapper|kworker|ksoftirqd|migration|cpuhp|rcu_|k[a-z]*d[0-9]*:|irq/)'
}

# boot_until_sound LOG SECONDS KERNEL INITRAMFS SHAPE [ARGUMENT…]: as `boot`, and again, three times in all, where the emulator made
# the machine's kernel crash.
boot_until_sound() {
  local try
  for try in 1 2 3; do
    boot "$@" || complain "qemu ended with $?"
    # The console's line ends.
    sed -i 's/\r//g' "$1"
    crashed "$1" || return 0
    echo "the machine's kernel crashed, as the emulator sometimes makes it do (boot $try of 3):" \
      "$(grep -aoEm 1 '(Oops: |BUG: soft lockup|kernel BUG at|Kernel panic).*' "$1")"
  done
}
