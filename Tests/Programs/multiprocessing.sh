# SPDX-License-Identifier: Apache-2.0
#
# CPython's own tests of multiprocessing with fork (of threaded processes) and with spawn, and of concurrent.futures.

# shellcheck source=Tests/Programs/python.sh
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
limit=600

run() {
  interpreter
  # Tests that mostly sleep, or that need shared memory files of a kind not every machine allows, are left out.
  local without=(-i '*Barrier*' -i '*Condition*' -i '*TestPoll*' -i '*TestWait*' -i '*Finalize*' -i '*SharedMemory*'
    -i '*ResourceTracker*' -i '*Timeouts*' -i '*IgnoreEINTR*')
  local tests=(test_multiprocessing_fork test_multiprocessing_spawn)
  if [[ $PROGRAM_QUICK == 1 ]]; then
    without+=(-i '*WithManager*' -i '*WithThreads*' -i '*TestPool*' -i '*SyncManager*')
  else
    tests+=(test_multiprocessing_forkserver)
  fi
  regression 400 "${without[@]}" "${tests[@]}"
}
