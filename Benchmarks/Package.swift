// swift-tools-version: 6.1
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// The benchmark: `workload` runs one case on whatever malloc its process has, `bench` runs the cases on each subject in
// turn and compares. A package of its own, so that neither the library nor its tests depend on it.

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "anax-benchmarks",
  products: [
    .executable(name: "workload", targets: ["workload"]),
    .executable(name: "bench", targets: ["bench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    .systemLibrary(name: "CBench"),
    .executableTarget(
      name: "workload",
      dependencies: ["CBench"],
      swiftSettings: settings + [.unsafeFlags(["-enforce-exclusivity=unchecked"])],
      // A small process that starts fast: what it has besides the allocator is the same for every allocator.
      linkerSettings: [.unsafeFlags(["-static-stdlib"])]),
    .executableTarget(
      name: "bench",
      dependencies: ["CBench", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: settings),
  ]
)
