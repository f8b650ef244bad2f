// SPDX-License-Identifier: Apache-2.0
// What C programs may ask of the engine beside malloc. Implemented in Swift: Sources/Heap/Ticks+C.swift.
#pragma once
#include <stddef.h>
#include "anax_attributes.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Gives all free memory back to the kernel: CPU caches, depots, empty slabs, free pages. Bytes returned. For moments of
/// quiet: it stops no thread, but interrupts every CPU the process runs on once and makes later requests fault pages in
/// again. Safe in any thread and in signal handlers; errno is left alone.
ptrdiff_t anax_purge(void) ANAX_ENGINE;

/// One step of decay, as happens by itself about once in vm.page.decay while the allocator is used: what has been free since
/// the step before goes back to the kernel. For programs with a timer of their own that may fall silent. Safe in any
/// thread and in signal handlers; errno is left alone.
void anax_tick(void) ANAX_ENGINE;

#ifdef __cplusplus
}
#endif
