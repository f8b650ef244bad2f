// SPDX-License-Identifier: Apache-2.0
// The two attributes every C function of the engine carries. The Swift compiler believes them, and so can prove,
// through all layers, that no path of malloc allocates or takes a lock.
#pragma once

#define ANAX_ENGINE __attribute__((swift_attr("@_noLocks"), swift_attr("@_noAllocation")))
#define ANAX_INLINE ANAX_ENGINE static inline __attribute__((always_inline))
