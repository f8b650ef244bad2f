// SPDX-License-Identifier: Apache-2.0
// The last words: what was wrong, the address and the zone, in one line on standard error, then SIGABRT. Nothing here
// allocates; safe in any thread and signal handler.

import CAnax
import LockFree
import Machine
import Pages

@usableFromInline
package enum Stop {
  @inline(never) @_noLocks @_noAllocation
  package static func doubleFree(_ address: UInt64, _ zone: UnsafeMutablePointer<anax_zone>) -> Never {
    say("double free of ", address, zone)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func notABlock(_ address: UInt64, _ zone: UnsafeMutablePointer<anax_zone>) -> Never {
    say("free of the middle of a block: ", address, zone)
  }

  @inline(never) @_noLocks @_noAllocation
  package static func foreign(_ address: UInt64) -> Never {
    say("free of a pointer that this allocator never gave: ", address, nil)
  }

  /// A zone was given back what is not its.
  @inline(never) @_noLocks @_noAllocation
  package static func notOfZone(_ address: UInt64, _ zone: UnsafeMutablePointer<anax_zone>) -> Never {
    say("return of an item that is not this zone's: ", address, zone)
  }

  /// No slab's page, and no block of whole pages begins at the address.
  @inline(never) @_noLocks @_noAllocation
  package static func notARun(_ address: UInt64) -> Never {
    let page = Region.page(of: address)
    if Pages.isClaimed(page), Run(word: Run.at(page: page).loadRelaxed()).word & Run.freed == 0 {
      say("free of the middle of a large block: ", address, nil)
    }
    if !Pages.wasOpened(page) { foreign(address) }
    say("free of a block that is free already, or was never given: ", address, nil)
  }

  @_noLocks @_noAllocation
  static func say(_ what: StaticString, _ address: UInt64, _ zone: UnsafeMutablePointer<anax_zone>?) -> Never {
    var line = MessageLine()
    line.append(what)
    line.append(hexadecimal: address)
    if let zone {
      line.append(", zone ")
      line.append(nameOf: zone)
    }
    line.write()
    anax_abort()
  }
}
