#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# As http.sh, but Anax is linked into the service as the product AnaxMalloc; the others are preloaded all the same (the runner takes
# their figures from http.sh where that was run in the same round).
source "$(dirname "$0")/lib.sh"
need wrk
if [[ $ANAX_BENCH_LINKED == 1 ]]; then
  ANAX_BENCH_LIBRARY=
  serve_json ServiceOnAnax
else
  serve_json Service
fi
