// SPDX-License-Identifier: Apache-2.0
//
// The list of all locks, and which of the cases each takes part in.

import CPeers

typealias Metrics = [(String, Double)]

/// What a lock is compared in.
enum Part: String {
  case exclusive, shared, two
  /// Not compared: it must fail.
  case check
}

struct Subject {
  let name: String
  let about: String
  let parts: [Part]
  /// False where the library was not there when this program was built.
  let present: Bool
  let canShare: Bool
  let pair: (Conditions) -> Metrics
  let contend: (Conditions) -> Metrics
  private(set) var two: ((Conditions) -> Metrics)?

  init<Kind: Lock>(_ name: String, _ about: String, _ type: Kind.Type, _ parts: [Part], present: Bool = true) {
    (self.name, self.about, self.parts, self.present) = (name, about, parts, present)
    canShare = Kind.canShare
    pair = { uncontended(type, $0) }
    contend = { contention(type, $0) }
  }

  init<Kind: PairLock>(pair name: String, _ about: String, _ type: Kind.Type, _ parts: [Part]) {
    self.init(name, about, type, parts)
    two = { twoAtOnce(type, $0) }
  }

  static var all: [Subject] {
    [
      Subject(pair: "token", "Token of Anax", AnaxToken.self, [.exclusive, .shared, .two]),
      Subject("token-percpu", "Token of Anax with reader counts per CPU", AnaxReaderToken.self, [.shared]),
      Subject("swift", "Mutex of Swift's Synchronization", SwiftMutex.self, [.exclusive]),
      Subject("pthread", "pthread_mutex_t, normal", PthreadMutex<Normal>.self, [.exclusive]),
      Subject("adaptive", "pthread_mutex_t, adaptive", PthreadMutex<Adaptive>.self, [.exclusive]),
      Subject("nio", "NIOLock of swift-nio", NIO.self, [.exclusive]),
      Subject("absl", "absl::Mutex", Absl.self, [.exclusive, .shared], present: peer_absl_present()),
      Subject("nsync", "nsync_mu", Nsync.self, [.exclusive, .shared], present: peer_nsync_present()),
      Subject("rwlock", "pthread_rwlock_t", PthreadReadWrite.self, [.shared]),
      Subject(pair: "scoped", "std::scoped_lock over std::mutex, sorted by address", ScopedLock.self, [.two]),
      Subject(pair: "none", "no lock: its runs must fail", NoLock.self, [.check]),
    ]
  }
}
