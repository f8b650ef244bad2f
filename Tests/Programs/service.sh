# SPDX-License-Identifier: Apache-2.0
#
# A SwiftNIO server (Tests/Programs/Service) under wrk. Here the server without the product runs on the preloaded
# library; service-debug, service-release and service-static run the one that has AnaxMalloc linked in, and preload
# nothing. Both executables come from the same sources.

tools=(swift wrk curl)
packages=(wrk curl)
witness=(Service)
limit=60
prepare_limit=1200

configuration=release
build_flags=()
# The executable with the product, where that is what is tested; without it the library is preloaded.
product=

# Builds both executables once; a later run finds them built. The caller's home is needed for git's and Swift's settings.
prepare() {
  export HOME=$PROGRAM_HOME
  local scratch=$PROGRAM_ROOT/.build/service package=$PROGRAM_FILES/Service name
  for name in Service $product; do
    plainly 1100 swift build --package-path "$package" --scratch-path "$scratch" -c "$configuration" \
      ${build_flags[@]+"${build_flags[@]}"} --product "$name" >&2
    cp "$scratch/$configuration/$name" "$PROGRAM_SHARED/"
  done
}

listening() { grep -q '^port [0-9]' server.log; }

run() {
  local executable=Service path=() n url
  if [[ $PROGRAM_PASS == library && -n $product ]]; then executable=$product; fi
  serve stdbuf -oL "$PROGRAM_SHARED/$executable"
  until_true 20 listening
  mapped "$server"
  url=http://127.0.0.1:$(awk '/^port/ { print $2 }' server.log)
  for n in 0 1 7 100 3000; do path+=("$url/table/$n" "$url/tasks/$n" "$url/text/$((n * 300 + 1))"); done
  curl -sS --max-time 30 "${path[@]}" | sha256sum
  head -c 3000000 /dev/zero | tr '\0' x | curl -sS --max-time 30 -X POST --data-binary @- "$url/echo" | sha256sum
  for n in table/20 tasks/30 text/5000 table/2000; do
    timeout 40 wrk -t 2 -c 24 -d "$(pick 3 1)s" --timeout 20s "$url/$n" >wrk.log
    cat wrk.log >&2
    grep -E 'Socket errors|Non-2xx' wrk.log || echo "$n: no errors"
    awk '/requests in/ { print ($1 > 20) ? "many requests" : "few requests: " $1 }' wrk.log
  done
  curl -sS --max-time 30 "${path[@]}" | sha256sum
  kill -0 "$server" && echo "still running"
  stop "$server" 2>/dev/null || true
}
