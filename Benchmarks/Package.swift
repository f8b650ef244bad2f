// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// The benchmarks: small programs that run one case in a process of their own (`workload` for malloc, `memory-workload`
// for pages and zones, `swift-workload` for what services do, `token-workload` for locks), the runner `bench`, which
// lets the subjects take turns and compares them, and `AnaxMicro`, which `swift package benchmark` runs. A package of
// its own, so that neither the library nor its tests depend on it.

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let report = Target.Dependency.product(name: "AnaxReportForTools", package: "swift-anax")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

/// A small process that starts fast: what it has besides its subject is the same for every subject. Loops that differ
/// in what they call only stay functions of their own, so that the calls are direct.
func measured(_ name: String, _ dependencies: [Target.Dependency], linked: [LinkerSetting] = []) -> Target {
  .executableTarget(
    name: name, dependencies: ["CBench", "Instruments"] + dependencies,
    swiftSettings: settings + [
      .unsafeFlags(["-enforce-exclusivity=unchecked", "-Xllvm", "-swiftmergefunc-threshold=0"])
    ],
    linkerSettings: [.unsafeFlags(["-static-stdlib"])] + linked)
}

// Locks that are not on every machine: the linker's flags for each, or nothing where it is to be left out. The
// environment says it, and not a look at the file system, since SwiftPM keeps what it once read here.
// `Scripts/bench` sets both.
var peerDefines: [String] = []
var peerLibraries: [String] = []
for (variable, define) in [("ANAX_BENCH_ABSL", "BENCH_ABSL"), ("ANAX_BENCH_NSYNC", "BENCH_NSYNC")] {
  guard let flags = Context.environment[variable], !flags.isEmpty else { continue }
  peerDefines.append(define)
  peerLibraries += flags.split(separator: " ").map(String.init)
}

// The calls that the micro-benchmarks count. Elsewhere than on x86-64 the runtime's are made in a way of their own, and
// none is counted.
var counted: [String] = []
#if arch(x86_64)
  counted = [
    "swift_allocObject", "swift_retain", "swift_retain_n", "swift_bridgeObjectRetain", "swift_bridgeObjectRetain_n",
    "swift_release", "swift_release_n", "swift_bridgeObjectRelease", "swift_bridgeObjectRelease_n", "swift_slowAlloc",
    "malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign",
  ]
#endif

let package = Package(
  name: "anax-benchmarks",
  products: ["workload", "memory-workload", "swift-workload", "bench", "token-workload"].map {
    .executable(name: $0, targets: [$0])
  },
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.60.0"),
    // Without its traits, which preload libraries that count allocations and retains: AnaxMicro counts by itself.
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    .package(name: "swift-anax", path: ".."),
  ],
  targets: [
    .systemLibrary(name: "CBench"),
    // What the measuring processes share, and what the runners share.
    .target(
      name: "Instruments", dependencies: ["CBench"],
      swiftSettings: settings + [.unsafeFlags(["-enforce-exclusivity=unchecked"])]),
    .target(name: "Harness", dependencies: ["CBench", report], swiftSettings: settings),
    measured("workload", []),
    measured("swift-workload", []),
    measured("memory-workload", [.product(name: "Anax", package: "swift-anax")]),
    .executableTarget(
      name: "bench", dependencies: ["CBench", "Harness", report, argumentParser], swiftSettings: settings),
    .target(
      name: "CPeers", cSettings: peerDefines.map { .define($0) }, cxxSettings: peerDefines.map { .define($0) }),
    measured(
      "token-workload",
      [
        "CPeers", .product(name: "Anax", package: "swift-anax"),
        .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
      ],
      linked: peerLibraries.isEmpty ? [] : [.unsafeFlags(peerLibraries)]),
    .target(name: "CCounts"),
    .executableTarget(
      name: "AnaxMicro",
      dependencies: [
        "CCounts", .product(name: "Anax", package: "swift-anax"), .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Benchmarks/AnaxMicro", swiftSettings: settings,
      linkerSettings: counted.isEmpty ? [] : [.unsafeFlags(counted.flatMap { ["-Xlinker", "--wrap=\($0)"] })]),
  ],
  cxxLanguageStandard: .cxx17
)
