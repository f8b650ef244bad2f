// swift-tools-version: 6.1
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// A Hummingbird service that answers JSON with JSON, as two executables that differ in one dependency: the product
// AnaxMalloc. A package of its own, so that only who measures it builds Hummingbird.

let swiftSettings: [SwiftSetting] = [.swiftLanguageMode(.v6)]

let package = Package(
  name: "json-service",
  dependencies: [
    .package(name: "swift-anax", path: "../.."),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.0.0"),
  ],
  targets: [
    .target(
      name: "Records", dependencies: [.product(name: "Hummingbird", package: "hummingbird")],
      swiftSettings: swiftSettings),
    .executableTarget(name: "Service", dependencies: ["Records"], swiftSettings: swiftSettings),
    .executableTarget(
      name: "ServiceOnAnax", dependencies: ["Records", .product(name: "AnaxMalloc", package: "swift-anax")],
      swiftSettings: swiftSettings),
  ]
)
