// SPDX-License-Identifier: Apache-2.0
// Memory policies: where the kernel is asked to take memory from, for a range of addresses or for the calling thread,
// and where pages lie. Only for explicit requests: nothing here is asked while the default serves. Node numbers are the
// kernel's; masks are of its first 64 nodes. Any thread; safe in signal handlers.

import CAnax

extension Kernel {
  /// How the kernel is to choose among nodes, as it numbers the ways.
  package enum Preference: Int {
    /// One node, as long as it has any memory.
    case node = 1
    /// Page by page in turns.
    case interleaved = 3
  }

  package enum Agreement {
    case agreed
    /// It knows no such nodes, they have no memory, or this process may not use them.
    case notThese
    /// It knows no policies, a sandbox denies them, or it has no memory to note this one.
    case refused
  }

  /// From now on memory for the range comes from these nodes; `moving` also moves there what the range has already.
  /// Unless it is agreed the range's memory comes from where its threads' policies say, as before.
  @_noLocks @_noAllocation
  package static func prefer(
    _ preference: Preference, nodes: UInt64, _ address: UInt64, bytes: UInt64, moving: Bool
  ) -> Agreement {
    var mask = nodes
    let result = withUnsafeMutablePointer(to: &mask) {
      // MPOL_MF_MOVE is 2. The kernel takes one bit less of the mask than it is told.
      call(
        anax_sys_mbind, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(bytes)), preference.rawValue,
        Int(bitPattern: $0), 65, moving ? 2 : 0)
    }
    // It goes mapping by mapping, and where one could not be split those before it have the policy.
    if result == -Int(ENOMEM) { _ = preferNone(address, bytes: bytes) }
    // Pages that could not be moved are no error, since that is not asked for.
    return agreement(result)
  }

  @_noLocks @_noAllocation
  static func agreement(_ result: Int) -> Agreement {
    switch result {
    case -Int(EINVAL): .notThese
    case 0: .agreed
    default: .refused
    }
  }

  /// From now on memory for the range comes from where its threads' policies say; what it has stays. False: it is as it
  /// was.
  @_noLocks @_noAllocation
  package static func preferNone(_ address: UInt64, bytes: UInt64) -> Bool {
    !failed(call(anax_sys_mbind, Int(bitPattern: UInt(address)), Int(bitPattern: UInt(bytes)), 0, 0, 0, 0))
  }

  /// The first 64 nodes whose memory this process may use (its cpuset's); nil where the kernel does not say.
  @_noLocks @_noAllocation
  package static func allowedNodes() -> UInt64? {
    var policy = ThreadPolicy()
    // MPOL_F_MEMS_ALLOWED
    return read(&policy, flags: 4) ? policy.nodes[0] : nil
  }

  /// The calling thread's policy, whoever set it.
  package struct ThreadPolicy {
    var mode: Int32 = 0
    var nodes = InlineArray<16, UInt64>(repeating: 0)

    @_noLocks @_noAllocation
    init() {}

    @_noLocks @_noAllocation
    package init(_ preference: Preference, nodes mask: UInt64) {
      mode = Int32(truncatingIfNeeded: preference.rawValue)
      nodes[0] = mask
    }
  }

  @_noLocks @_noAllocation
  package static func threadPolicy() -> ThreadPolicy? {
    var policy = ThreadPolicy()
    return read(&policy, flags: 0) ? policy : nil
  }

  /// Sets again what a thread had before it set another. Where the kernel refuses that (the nodes have left the
  /// process's cpuset, or a sandbox was closed meanwhile), the default: what was set in between must not stay.
  @_noLocks @_noAllocation
  package static func restoreThreadPolicy(_ policy: ThreadPolicy) {
    if case .agreed = setThreadPolicy(policy) { return }
    _ = setThreadPolicy(ThreadPolicy())
  }

  /// It is as it was unless it is agreed.
  @_noLocks @_noAllocation
  package static func setThreadPolicy(_ policy: ThreadPolicy) -> Agreement {
    var nodes = policy.nodes
    return withUnsafeMutablePointer(to: &nodes) {
      // The mask of the default policy is none.
      let mask = policy.mode == 0 ? 0 : Int(bitPattern: $0)
      return agreement(call(anax_sys_set_mempolicy, Int(policy.mode), mask, policy.mode == 0 ? 0 : 1025))
    }
  }

  @_noLocks @_noAllocation
  static func read(_ policy: inout ThreadPolicy, flags: Int) -> Bool {
    let result = withUnsafeMutablePointer(to: &policy.nodes) { nodes in
      withUnsafeMutablePointer(to: &policy.mode) { mode in
        call(anax_sys_get_mempolicy, Int(bitPattern: mode), Int(bitPattern: nodes), 1024, 0, flags)
      }
    }
    return !failed(result)
  }

  /// Where up to 64 pages lie: for each a node, or a negative number where it is not resident. False: the kernel does
  /// not say.
  @_noLocks @_noAllocation
  package static func nodes(
    ofPages pages: UnsafeMutablePointer<UInt64>, count: Int, into status: UnsafeMutablePointer<Int32>
  ) -> Bool {
    !failed(
      call(
        anax_sys_move_pages, 0, count, Int(bitPattern: pages), 0, Int(bitPattern: status), 0))
  }
}
