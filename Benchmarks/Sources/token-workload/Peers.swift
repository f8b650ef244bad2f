// SPDX-License-Identifier: Apache-2.0
//
// The peers. Those that can lie anywhere start on a cache line of their own; those that live on the heap get blocks
// around them that nobody uses.

import CPeers
import Glibc
import NIOConcurrencyHelpers
import Synchronization

/// No lock at all: it shows that the measurement notices a lock that does not exclude.
struct NoLock: PairLock {
  init(at memory: UnsafeMutableRawPointer) {}
  @inline(__always) func withExclusive<Value>(_ body: () -> Value) -> Value { body() }
  @inline(__always) static func withBoth<Value>(_ first: Self, _ second: Self, _ body: () -> Value) -> Value { body() }
}

struct SwiftMutex: Lock {
  private let mutex: UnsafeMutablePointer<Mutex<Void>>

  init(at memory: UnsafeMutableRawPointer) {
    mutex = memory.bindMemory(to: Mutex<Void>.self, capacity: 1)
    mutex.initialize(to: Mutex(()))
  }

  @inline(__always) func withExclusive<Value>(_ body: () -> Value) -> Value { mutex.pointee.withLock { _ in body() } }
}

/// One of the C library's mutexes.
protocol MutexType { static var attribute: CInt { get } }
enum Normal: MutexType { static var attribute: CInt { CInt(PTHREAD_MUTEX_NORMAL) } }
enum Adaptive: MutexType { static var attribute: CInt { CInt(PTHREAD_MUTEX_ADAPTIVE_NP) } }

struct PthreadMutex<Type: MutexType>: Lock {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  init(at memory: UnsafeMutableRawPointer) {
    mutex = memory.bindMemory(to: pthread_mutex_t.self, capacity: 1)
    var attributes = pthread_mutexattr_t()
    pthread_mutexattr_init(&attributes)
    pthread_mutexattr_settype(&attributes, Type.attribute)
    pthread_mutex_init(mutex, &attributes)
  }

  @inline(__always) func withExclusive<Value>(_ body: () -> Value) -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}

struct PthreadReadWrite: Lock {
  private let lock: UnsafeMutablePointer<pthread_rwlock_t>

  init(at memory: UnsafeMutableRawPointer) {
    lock = memory.bindMemory(to: pthread_rwlock_t.self, capacity: 1)
    pthread_rwlock_init(lock, nil)
  }

  @inline(__always) func withExclusive<Value>(_ body: () -> Value) -> Value {
    pthread_rwlock_wrlock(lock)
    defer { pthread_rwlock_unlock(lock) }
    return body()
  }

  static var canShare: Bool { true }
  @inline(__always) func withShared<Value>(_ body: () -> Value) -> Value {
    pthread_rwlock_rdlock(lock)
    defer { pthread_rwlock_unlock(lock) }
    return body()
  }
}

struct NIO: Lock {
  private let lock: NIOLock

  init(at memory: UnsafeMutableRawPointer) { lock = Heap.apart { NIOLock() } }

  @inline(__always) func withExclusive<Value>(_ body: () -> Value) -> Value { lock.withLock(body) }
}

struct Absl: Lock {
  private let mutex: UnsafeMutableRawPointer

  init(at memory: UnsafeMutableRawPointer) {
    mutex = memory
    peer_absl_make(mutex)
  }

  @inline(__always) func withExclusive<Value>(_ body: () -> Value) -> Value {
    peer_absl_lock(mutex)
    defer { peer_absl_unlock(mutex) }
    return body()
  }

  static var canShare: Bool { true }
  @inline(__always) func withShared<Value>(_ body: () -> Value) -> Value {
    peer_absl_lock_shared(mutex)
    defer { peer_absl_unlock_shared(mutex) }
    return body()
  }
}

struct Nsync: Lock {
  private let mutex: UnsafeMutableRawPointer

  init(at memory: UnsafeMutableRawPointer) {
    mutex = memory
    peer_nsync_make(mutex)
  }

  @inline(__always) func withExclusive<Value>(_ body: () -> Value) -> Value {
    peer_nsync_lock(mutex)
    defer { peer_nsync_unlock(mutex) }
    return body()
  }

  static var canShare: Bool { true }
  @inline(__always) func withShared<Value>(_ body: () -> Value) -> Value {
    peer_nsync_lock_shared(mutex)
    defer { peer_nsync_unlock_shared(mutex) }
    return body()
  }
}

/// std::scoped_lock over the C library's normal mutex, named in the order of addresses.
struct ScopedLock: PairLock {
  private let mutex: UnsafeMutableRawPointer

  init(at memory: UnsafeMutableRawPointer) {
    mutex = memory
    peer_std_make(mutex)
  }

  /// A scoped lock of one.
  @inline(__always) func withExclusive<Value>(_ body: () -> Value) -> Value {
    pthread_mutex_lock(mutex.assumingMemoryBound(to: pthread_mutex_t.self))
    defer { pthread_mutex_unlock(mutex.assumingMemoryBound(to: pthread_mutex_t.self)) }
    return body()
  }

  @inline(__always) static func withBoth<Value>(_ first: Self, _ second: Self, _ body: () -> Value) -> Value {
    peer_std_lock_both(first.mutex, second.mutex)
    defer { peer_std_unlock_both(first.mutex, second.mutex) }
    return body()
  }
}

enum Heap {
  /// What `make` puts on the heap shares its cache lines, and their neighbours, with nothing that is used.
  static func apart<Value>(_ make: () -> Value) -> Value {
    _ = malloc(1024)
    defer { _ = malloc(1024) }
    return make()
  }
}
