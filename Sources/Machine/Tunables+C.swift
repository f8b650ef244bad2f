// SPDX-License-Identifier: Apache-2.0
//
// The C face of the tunables, as anax_tunables.h declares it: by name, with error numbers as results.
import CAnax

@c(anax_tunable_set) @_noLocks @_noAllocation
package func setTunable(_ name: UnsafePointer<CChar>?, _ value: Int64) -> CInt {
  Tunable.start()
  guard let name, let tunable = Tunable(name: name) else { return CInt(ANAX_TUNABLE_UNKNOWN) }
  do throws(TunableError) {
    try tunable.choose(value)
    return 0
  } catch {
    if case .onlyAtStart = error { return CInt(ANAX_TUNABLE_ONLY_AT_START) }
    return CInt(ANAX_TUNABLE_OUT_OF_RANGE)
  }
}

@c(anax_tunable_get) @_noLocks @_noAllocation
package func getTunable(_ name: UnsafePointer<CChar>?, _ value: UnsafeMutablePointer<Int64>?) -> CInt {
  Tunable.start()
  guard let name, let value, let tunable = Tunable(name: name) else { return CInt(ANAX_TUNABLE_UNKNOWN) }
  value.pointee = tunable.value
  return 0
}
