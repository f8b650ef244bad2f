// swift-tools-version: 6.1
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// One small SwiftNIO server as two executables that differ in one dependency: the product AnaxMalloc.

let swiftSettings: [SwiftSetting] = [.swiftLanguageMode(.v6)]

let package = Package(
  name: "service",
  dependencies: [
    .package(name: "swift-anax", path: "../../.."),
    .package(url: "https://github.com/apple/swift-nio", from: "2.86.0"),
  ],
  targets: [
    .target(
      name: "Server",
      dependencies: [
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(name: "Service", dependencies: ["Server"], swiftSettings: swiftSettings),
    .executableTarget(
      name: "ServiceOnAnax",
      dependencies: ["Server", .product(name: "AnaxMalloc", package: "swift-anax")],
      swiftSettings: swiftSettings),
  ]
)
