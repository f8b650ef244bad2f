# SPDX-License-Identifier: Apache-2.0
#
# CPython's own regression tests of threads, processes, ctypes and the containers, and their outcome test by test.

tools=(python3)
debian=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
packages=(python3 "libpython${debian:-3}-testsuite")
ready='/usr/bin/python3 -c "import test.test_dict, test.test_multiprocessing_fork"'
witness=('python3.*')
limit=400

# Debian's interpreter, not one from a version manager, since it is the one the tests were installed for.
interpreter() {
  local candidate
  for candidate in "$(PATH=/usr/bin:/bin command -v python3 || true)" "$(command -v python3)"; do
    if [[ -n $candidate ]] && "$candidate" -c 'import test.test_dict, test.test_multiprocessing_fork' 2>/dev/null; then
      python=$candidate
      return
    fi
  done
  skip "no python3 here has its regression tests (Debian package libpython${debian:-3}-testsuite)"
}

# regression SECONDS ARGUMENTS…: runs the tests in two processes; prints one sorted line a test.
regression() {
  local seconds=$1 status=0
  shift
  under "$((seconds + 20))" "$python" -m test -q -j2 --timeout "$seconds" --junit-xml results.xml "$@" >log 2>&1 || status=$?
  tail -n 60 log >&2
  # A test that passes only when run again is a failure; so is a test file that crashed and left no lines.
  plainly 30 "$python" - <<'PYTHON'
import xml.etree.ElementTree as tree
for case in sorted(tree.parse("results.xml").iter("testcase"), key=lambda case: case.get("name")):
    outcome = case.get("result") or case.get("status")
    for kind in ("failure", "error", "skipped"):
        if case.find(kind) is not None:
            outcome = kind
    print(case.get("name"), outcome)
PYTHON
  echo "status $status"
}

prepare() { interpreter; }

run() {
  interpreter
  local tests=(test_thread test_threading test_threading_local test_queue test_gc test_list test_dict test_set test_tuple
    test_json test_re test_hashlib test_bytes test_unicode test_array test_deque test_ctypes test_weakref test_itertools
    test_fork1 test_zlib test_pickle test_struct test_memoryview test_sort)
  if [[ $PROGRAM_QUICK == 0 ]]; then
    tests+=(test_subprocess test_mmap test_generators test_decimal test_ast test_compile test_marshal test_tracemalloc
      test_descr test_exceptions test_bz2 test_lzma test_xml_etree test_pyexpat test_context test_coroutines test_long
      test_float test_math test_heapq test_string test_random test_posix test_os test_select test_bigmem)
  fi
  regression 240 "${tests[@]}"
  under 60 "$python" -c '
import concurrent.futures as futures, hashlib
def work(i): return hashlib.sha256(b"".join(bytes([j % 251]) * (j % 3000) for j in range(i, i + 500))).hexdigest()
with futures.ThreadPoolExecutor(16) as pool: threads = list(pool.map(work, range(60)))
with futures.ProcessPoolExecutor(4) as pool: processes = list(pool.map(work, range(60)))
print(threads == processes, hashlib.sha256(repr(threads).encode()).hexdigest())'
  under 60 env PYTHONMALLOC=malloc "$python" -c '
d = {}
for i in range(300000): d[i % 5003] = d.get(i % 5003, ()) [-20:] + (str(i),)
print(len(d), sum(len(v) for v in d.values()))'
}
