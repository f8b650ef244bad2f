// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// The house as a table. A module may import only modules of a lower layer (or CAnax and CNUMA, which lie below all);
// `Scripts/check-layers` reads the layer numbers from here and fails when an import points up.

struct Layer {
  let name: String
  let layer: Int
  var dependencies: [Target.Dependency] = []
}

let engine: [Layer] = [
  Layer(name: "Machine", layer: 1, dependencies: ["CAnax"]),
  Layer(name: "LockFree", layer: 1, dependencies: ["CAnax"]),
  Layer(name: "PerCPU", layer: 2, dependencies: ["CAnax", "Machine", "LockFree"]),
  Layer(name: "Pages", layer: 3, dependencies: ["CAnax", "Machine", "PerCPU", "LockFree"]),
  Layer(name: "Tokens", layer: 3, dependencies: ["CAnax", "CAnaxTokens", "Machine", "LockFree"]),
  Layer(name: "Zones", layer: 4, dependencies: ["CAnax", "Machine", "PerCPU", "LockFree", "Pages"]),
  Layer(name: "Heap", layer: 5, dependencies: ["CAnax", "Machine", "PerCPU", "LockFree", "Pages", "Zones"]),
]

let faces: [Layer] = [
  Layer(
    name: "AnaxMalloc", layer: 6,
    dependencies: ["CAnax", "CAnaxMalloc", "Machine", "PerCPU", "LockFree", "Pages", "Zones", "Heap"]),
  Layer(name: "Topology", layer: 6, dependencies: ["CAnax", "CNUMA", "Machine"]),
  Layer(
    name: "Anax", layer: 7,
    dependencies: [
      "CAnax", "CAnaxTokens", "Machine", "PerCPU", "LockFree", "Pages", "Tokens", "Zones", "Heap", "Topology",
    ]),
  Layer(name: "Report", layer: 8, dependencies: ["Machine", "Topology", "Anax"]),
  Layer(name: "Tuner", layer: 9, dependencies: ["CAnax", "Machine", "Tokens", "Topology", "Anax", "Report"]),
]

let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// Tests mirror the modules they test.
let tests: [Target] = [
  .testTarget(name: "MachineTests", dependencies: ["CAnax", "Machine"], swiftSettings: swiftSettings),
  .testTarget(name: "TopologyTests", dependencies: ["Topology"], swiftSettings: swiftSettings),
  .testTarget(
    name: "CommandTests",
    dependencies: [
      "CAnax", "Anax", "AnaxCommand", "Heap", "Machine", "Report", "Topology", "Tuner",
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ],
    swiftSettings: swiftSettings),
  .testTarget(
    name: "TunerTests", dependencies: ["Anax", "PageReading", "Report", "Topology", "Tuner"],
    swiftSettings: swiftSettings),
  .testTarget(
    name: "ReportTests", dependencies: ["Anax", "PageReading", "Report"], swiftSettings: swiftSettings),
  // What tests of pages share.
  .target(name: "PageReading", path: "Tests/PageReading", swiftSettings: swiftSettings),
  // Runs in virtual machines of several nodes (Scripts/test-numa).
  .executableTarget(
    name: "NodeGuest", dependencies: ["CAnax", "Anax"], path: "Tests/NodeGuest", swiftSettings: swiftSettings),
  // The Swift face.
  .testTarget(name: "AnaxTests", dependencies: ["CAnax", "Anax", "Topology"], swiftSettings: swiftSettings),
]

// White-box tests of the engine, its models and its chaos: begin
let engineModules: [Target.Dependency] = ["CAnax", "Machine", "LockFree", "PerCPU", "Pages", "Zones", "Heap"]

let engineTests: [Target] =
  [
    .testTarget(name: "ModelTests", swiftSettings: swiftSettings),
    // What tests share that stay on a CPU, and that interrupt their threads.
    .target(name: "OneCPU", dependencies: ["Machine"], path: "Tests/OneCPU", swiftSettings: swiftSettings),
    .target(
      name: "WorkerSignals", dependencies: ["CAnax", "LockFree", "Machine"], path: "Tests/WorkerSignals",
      swiftSettings: swiftSettings),
  ]
  + ["LockFreeTests", "ZonesTests", "HeapTests"].map {
    .testTarget(name: $0, dependencies: engineModules, swiftSettings: swiftSettings)
  }
  + ["PerCPUTests", "PagesTests", "ChaosTests"].map {
    .testTarget(name: $0, dependencies: engineModules + ["OneCPU", "WorkerSignals"], swiftSettings: swiftSettings)
  }
  + [
    .testTarget(
      name: "TokensTests", dependencies: ["CAnax", "CAnaxTokens", "Machine", "LockFree", "Tokens", "Anax"],
      swiftSettings: swiftSettings)
  ]
// White-box tests of the engine, its models and its chaos: end

// Conformance of the C face: these tests' own process runs on Anax, and the probe is a program that links it. All test
// targets of a package are one program, and the white-box tests above need a process whose malloc is another: so
// `ANAX_CONFORMANCE=1 swift test` runs these, plain `swift test` the others.
let conformance: [Target] = [
  // An optimiser that knows malloc leaves out what the probe is there to see.
  .executableTarget(
    name: "MallocProbe", dependencies: ["AnaxMalloc"], path: "Tests/MallocProbe",
    cSettings: [.unsafeFlags(["-fno-builtin"])], cxxSettings: [.unsafeFlags(["-fno-builtin"])]),
  .testTarget(
    name: "ConformanceTests", dependencies: ["Anax", "AnaxMalloc", "CAnaxMalloc", "Heap", "MallocProbe"],
    swiftSettings: swiftSettings),
]
// End of conformance.

let package = Package(
  name: "swift-anax",
  products: [
    .library(name: "Anax", targets: ["Anax"]),
    .library(name: "AnaxMalloc", targets: ["AnaxMalloc"]),
    .executable(name: "anax", targets: ["AnaxCommand"]),
    // For the package's own benchmarks and command; no promise to others.
    .library(name: "AnaxReportForTools", targets: ["Report"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    .target(name: "CAnax"),
    .target(name: "CAnaxMalloc", dependencies: ["CAnax"]),
    .target(name: "CAnaxTokens", dependencies: ["CAnax"]),
    .systemLibrary(name: "CNUMA", pkgConfig: "numa", providers: [.apt(["libnuma-dev"])]),
    .executableTarget(
      name: "AnaxCommand",
      dependencies: [
        "CAnax", "Anax", "Topology", "Report", "Tuner", "Machine", "PerCPU", "Heap",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),
  ]
    + (engine + faces).map {
      .target(name: $0.name, dependencies: $0.dependencies, swiftSettings: swiftSettings)
    }
    + (Context.environment["ANAX_CONFORMANCE"] == "1" ? conformance : tests + engineTests)
)
