#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A Hummingbird service (Benchmarks/Service) that answers with JSON, under wrk: time of a request and its percentiles, the resident
# memory of the server at the end, and after 30 s without a request. `Scripts/bench --full` builds it.
source "$(dirname "$0")/lib.sh"
need wrk
serve_json Service
