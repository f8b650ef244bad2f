// SPDX-License-Identifier: Apache-2.0
//
// Results as a run would leave them, with everything a page can show: rows that win, lose and are level, a crash, a
// group of locks where more is better, and each kind of figure.
import Anax

@testable import Report

enum Sample {
  static let machine = MachineDescription(
    fingerprint: MachineFingerprint(
      architecture: "x86_64", processor: "A \"fast\" <processor> & more\u{1}", hypervisor: "KVM", cpus: 2,
      cpuQuota: 1.5,
      kernel: "6.18"),
    libc: "glibc 2.36", nodes: 1, memory: 24_000, page: 4, hugePages: "madvise", governor: "none")

  static let goals = [
    GoalOutcome(
      group: "tokens", title: "judged cells, throughput to the best peer", bound: GoalBound.atLeast(1.05).text(""),
      figure: Interval(middle: 1.31, low: 1.2, high: 1.42), verdict: .met, note: "to pthread, 40 cells"),
    GoalOutcome(
      group: "tokens", title: "longest wait", bound: GoalBound.none.text("ms"), unit: "ms",
      figure: Interval(middle: 17, low: 0, high: .infinity)),
    GoalOutcome(
      group: "tokens", title: "two at once", bound: GoalBound.atLeast(0.5).text(""), verdict: .failed,
      note: "signal 6 & more"),
  ]

  /// `scale` is how much slower the machine was; `change` what became of the candidate beside it; `isControlled`: it
  /// ran twice.
  static func results(
    scale: Double = 1, change: Double = 1, interrupted: Bool = false, isControlled: Bool = false
  ) -> BenchmarkResults {
    var records: [BenchmarkRecord] = []
    func add(
      _ group: String, _ name: String, _ values: [(String, Double)], unit: String = "ns",
      direction: BenchmarkRecord.Direction = .lower, isRow: Bool = true, threads: Int = 1,
      place: BenchmarkRecord.Place? = nil, tile: BenchmarkRecord.Tile? = nil, metric: String? = nil
    ) {
      let candidate = values.first { $0.0 == "anax" || $0.0 == "token" }
      let control = isControlled ? candidate.map { [("control", $0.1)] } ?? [] : []
      for (index, (subject, value)) in (values + control).enumerated() {
        let own = ["anax", "token", "control"].contains(subject) ? change : 1
        let samples = (0..<5).map { (round: Int) -> Double in
          let noise = (round * 7 + index * 3 + name.utf8.count) % 5 - 2
          return value * own * scale * (1 + 0.01 * Double(noise))
        }
        records.append(
          BenchmarkRecord(
            group: group, name: name, title: "\(name), in words", subject: subject, metric: metric ?? unit, unit: unit,
            direction: direction, samples: samples, threads: threads, isRow: isRow, place: place,
            tile: tile, disturbed: name == "pair-64" && index == 0 ? 2 : 0))
      }
    }
    add("malloc", "pair-16", [("glibc", 20), ("mimalloc", 10), ("anax", 8)])
    add("malloc", "pair-64", [("glibc", 20), ("mimalloc", 10), ("anax", 10.05)])
    add("malloc", "tree", [("glibc", 400), ("mimalloc", 200), ("anax", 300)])
    add("memory", "left", [("glibc", 185), ("mimalloc", 190), ("anax", 0)], unit: "MiB")
    for (at, threads) in [0.5: 1, 1: 2, 4: 8] {
      add(
        "malloc", "handover x\(threads)", [("glibc", 30 * at), ("mimalloc", 20), ("anax", 15)], isRow: false,
        threads: threads, place: .init(.threads, "Random hand-over", at: at, label: "\(at)"))
    }
    for second in 0..<30 {
      add(
        "memory", "breathing@\(second)", [("glibc", 200), ("mimalloc", 210), ("anax", Double(100 - second))],
        unit: "MiB", isRow: false, place: .init(.time, "A service that breathes", at: Double(second)))
      add(
        "memory", "breathing@\(second) (ANAX_HELPER=1)", [("anax", Double(60 - second))], unit: "MiB", isRow: false,
        place: .init(.time, "A service that breathes", at: Double(second), series: "helper thread"))
    }
    add(
      "malloc", "pair-16", [("glibc", 90), ("mimalloc", 80), ("anax", 70)], unit: "ms", direction: .neither,
      isRow: false, metric: BenchmarkResults.processorTime)
    for subject in ["glibc", "anax"] {
      records.append(
        BenchmarkRecord(
          group: "malloc", name: "handover x4 (quota)", title: "hand-over, quota", subject: subject, metric: "ns",
          unit: "ns", samples: [], notRun: "no quota: cpu.max: Permission denied"))
    }
    for share in [0.5, 0.99, 0.999, 1] {
      add(
        "tails", "tails@\(share)", [("glibc", 20 / (1.0001 - share)), ("anax", 10 / (1.0001 - share))], isRow: false,
        place: .init(.share, "malloc, 2 threads", at: share, label: share == 1 ? "max" : "\(share)"))
    }
    for (index, size) in ["512 B", "4 KiB"].enumerated() {
      add(
        "color", "chase \(size)", [("glibc", 8), ("mimalloc", 4), ("anax", 3)], isRow: false,
        place: .init(.map, "Chase", at: Double(index), label: size))
    }
    add("tokens", "8 threads", [("pthread", 5000), ("swift", 300), ("token", 6000)], unit: "kop/s", direction: .higher)
    for (row, section) in ["50 ns / 0 ns", "1 us / 1 us"].enumerated() {
      for threads in [2, 16] {
        let times = [("pthread", 300.0), ("swift", 900), ("token", threads == 2 ? 150 : 360)]
        add(
          "tokens", "\(threads) threads, \(section)", times, isRow: false, threads: threads,
          tile: .init("Locks", column: .init("\(threads)", at: Double(threads)), row: .init(section, at: Double(row))))
      }
    }
    records.append(
      BenchmarkRecord(
        group: "malloc", name: "server", title: "server, threads die", subject: "mimalloc", metric: "ns", unit: "ns",
        samples: [], failure: "signal 11"))
    return BenchmarkResults(
      date: "2026-11-25 04:00 UTC", command: "bench --quick", commit: "abc1234", seed: .max, scale: 0.5,
      duration: 271,
      isInterrupted: interrupted, machine: machine,
      subjects: [
        .init(name: "glibc", about: "2.36"), .init(name: "mimalloc", about: "/usr/lib/libmimalloc.so <2>"),
        .init(name: "anax", about: "libanax.so", isCandidate: true), .init(name: "pthread", about: "normal"),
        .init(name: "swift", about: "Mutex"), .init(name: "token", about: "Token", isCandidate: true),
      ] + (isControlled ? [.init(name: "control", about: "the same as anax", isControl: true)] : []),
      groups: ["malloc", "tokens", "memory", "color", "tails"], notes: ["not measured: tbbmalloc"], goals: goals,
      records: records)
  }
}
