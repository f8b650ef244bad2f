// SPDX-License-Identifier: Apache-2.0
// What helper.c, which owns the thread, calls of the engine.

import CAnax
import CAnaxMalloc
import Heap
import Machine

/// The thread's body; returns when no other thread is left.
@c(anax_helper_main) @_noLocks @_noAllocation
public func anaxHelperMain() { Helper.run() }

/// Whether vm.helper asks for the thread. `linked`: not the preloaded library.
@c(anax_helper_wanted) @_noLocks @_noAllocation
public func anaxHelperWanted(_ linked: CInt) -> CInt {
  if !Engine.ensureStarted() { return 0 }
  let value = Tunable.helper.value
  return value == 1 || value == 2 && linked != 0 ? 1 : 0
}

@c(anax_helper_gone) @_noLocks @_noAllocation
public func anaxHelperGone() { Helper.noteMainEnded() }

@c(anax_helper_forgotten) @_noLocks @_noAllocation
public func anaxHelperForgotten() { Helper.forget() }
