// SPDX-License-Identifier: Apache-2.0
// For the files of this target only. In a sanitizer's build no standard name is defined here (ANAX_STAND_ASIDE): the
// sanitizer's own allocator must see every call.
#pragma once
#include "CAnaxMalloc.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer) || \
    __has_feature(leak_sanitizer) || __has_feature(hwaddress_sanitizer)
#define ANAX_STAND_ASIDE 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ANAX_STAND_ASIDE 1
#endif

#define ANAX_EXPORT __attribute__((visibility("default")))

static inline int power_of_two(size_t value) { return value != 0 && (value & (value - 1)) == 0; }
