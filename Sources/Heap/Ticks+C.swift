// SPDX-License-Identifier: Apache-2.0
// Decay and return of memory for C callers, as anax_engine.h declares them. Linked in by both products.

import CAnax

/// Gives back all that can be given back. Bytes returned to the kernel.
@c(anax_purge) @_noLocks @_noAllocation
package func anaxPurge() -> Int { Engine.ensureStarted() ? Int(Ticks.purge()) : 0 }

/// One step of decay, for programs that have a timer of their own.
@c(anax_tick) @_noLocks @_noAllocation
package func anaxTick() { if Engine.ensureStarted() { Ticks.tick() } }
