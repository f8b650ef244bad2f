// SPDX-License-Identifier: Apache-2.0
//
// Memory of a measurement itself: arrays straight from the kernel, so that an allocator under test sees only what a
// case asks of it, and nothing lies beside them by accident. Resident from the start, never unmapped.

import CBench
import Glibc

/// A zeroed array of `count` values, resident, outside the allocator.
public func mapped<Value: BitwiseCopyable>(_ count: Int, of type: Value.Type) -> UnsafeMutablePointer<Value> {
  let bytes = max(count * MemoryLayout<Value>.stride, 1)
  let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE
  guard let base = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
    fail("no memory for an array of \(bytes) bytes of the measurement")
  }
  return base.bindMemory(to: type, capacity: count)
}

public func fail(_ message: String) -> Never {
  let program = CommandLine.arguments.first?.split(separator: "/").last ?? "measurement"
  let line = "\(program): \(message)\n"
  _ = line.withCString { write(2, $0, strlen($0)) }
  exit(2)
}
