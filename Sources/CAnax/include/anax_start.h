// SPDX-License-Identifier: Apache-2.0
// What the process tells us before main: the auxiliary vector and the environment, read without a lock or an allocation.
#pragma once
#include <stdint.h>
#include <sys/auxv.h>
#include <unistd.h>
#include "anax_attributes.h"

extern char *_Nullable *_Nullable environ;

ANAX_INLINE uint64_t anax_page_bytes(void) { return getauxval(AT_PAGESZ); }
ANAX_INLINE char *_Nullable *_Nullable anax_environment(void) { return environ; }
ANAX_INLINE int64_t anax_rseq_feature_bytes(void) { return (int64_t)getauxval(27); }
