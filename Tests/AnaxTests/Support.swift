// SPDX-License-Identifier: Apache-2.0
// What the tests share: the suite they all belong to (one at a time, since they share the process's heap), threads that
// run on a chosen CPU, and whether a page is in memory.

import Anax
import CAnax
import Glibc
import Testing

@Suite(.serialized) enum AnaxTests {}

/// The CPUs this process may run on, of the first 1024.
let allowedCPUs: [Int] = {
  var set = [UInt8](repeating: 0, count: 128)
  let count = set.withUnsafeMutableBytes {
    anax_system_call(Int(anax_sys_sched_getaffinity), 0, 128, Int(bitPattern: $0.baseAddress), 0, 0, 0)
  }
  precondition(count > 0)
  return (0..<1024).filter { set[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }
}()

/// Keeps the calling thread on the CPU.
private func stay(on cpu: Int) {
  #if arch(x86_64)
    let number = 203
  #else
    let number = 122
  #endif
  var set = [UInt8](repeating: 0, count: 128)
  set[cpu / 8] = 1 << UInt8(cpu % 8)
  let result = set.withUnsafeMutableBytes {
    anax_system_call(number, 0, 128, Int(bitPattern: $0.baseAddress), 0, 0, 0)
  }
  precondition(result == 0)
}

/// Runs the body on a thread of its own that stays on the CPU, and waits for its end.
func onCPU(_ cpu: Int, _ body: @escaping @Sendable () -> Void) {
  let thread = Thread(cpu: cpu, body)
  thread.join()
}

/// A thread that stays on one CPU.
struct Thread {
  private final class Start {
    let cpu: Int
    let body: @Sendable () -> Void
    init(_ cpu: Int, _ body: @escaping @Sendable () -> Void) {
      self.cpu = cpu
      self.body = body
    }
  }

  private let handle: pthread_t

  init(cpu: Int, _ body: @escaping @Sendable () -> Void) {
    var handle = pthread_t()
    let start = Unmanaged.passRetained(Start(cpu, body)).toOpaque()
    let result = pthread_create(
      &handle, nil,
      { argument in
        let start = Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        stay(on: start.cpu)
        start.body()
        return nil
      }, start)
    precondition(result == 0)
    self.handle = handle
  }

  func join() { pthread_join(handle, nil) }
}

/// Pages of the range that are in memory.
func residentPages(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
  var state = [UInt8](repeating: 0, count: (bytes.count + PageRun.pageBytes - 1) / PageRun.pageBytes)
  precondition(mincore(bytes.baseAddress!, bytes.count, &state) == 0)
  return state.reduce(0) { $0 + Int($1 & 1) }
}

/// Addresses that one thread may hand to another.
final class Addresses: @unchecked Sendable {
  private(set) var all: [UnsafeMutableRawPointer] = []
  private(set) var error: ZoneError?

  func append(_ address: UnsafeMutableRawPointer) { all.append(address) }
  func fail(_ error: ZoneError) { self.error = error }
  func takeAll() -> [UnsafeMutableRawPointer] {
    defer { all = [] }
    return all
  }

  /// Takes items until one is refused, or as many as there may be.
  func fill(from zone: RawZone, atMost most: Int = .max, _ requestClass: RequestClass = .normal) {
    while all.count < most {
      do throws(ZoneError) { all.append(try zone.allocate(requestClass)) } catch {
        self.error = error
        return
      }
    }
  }

  func returnAll(to zone: RawZone) { for item in takeAll() { zone.deallocate(item) } }
}

/// Holds values that cannot be copied, until it is emptied or ends.
struct Shelf<Value: ~Copyable>: ~Copyable {
  private let values: UnsafeMutablePointer<Value>
  private(set) var count = 0

  init(capacity: Int) { values = .allocate(capacity: capacity) }

  mutating func append(_ value: consuming Value) {
    (values + count).initialize(to: value)
    count += 1
  }

  var last: Value { _read { yield values[count - 1] } }

  mutating func removeLast() {
    count -= 1
    (values + count).deinitialize(count: 1)
  }

  mutating func removeAll() {
    values.deinitialize(count: count)
    count = 0
  }

  deinit {
    values.deinitialize(count: count)
    values.deallocate()
  }
}
