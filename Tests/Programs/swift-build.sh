# SPDX-License-Identifier: Apache-2.0
#
# `swift build` of a small generated package: the package manager, the compiler and the linker, and what they built.

tools=(swift)
packages=()
witness=(swift-frontend 'swift-(build|package)' 'clang(-[0-9]+)?')
limit=280

prepare() {
  cd "$PROGRAM_SHARED"
  mkdir -p Sources/Parts Sources/Tool
  cat >Package.swift <<'SWIFT'
// swift-tools-version: 6.0
import PackageDescription
let package = Package(
  name: "Small",
  targets: [
    .target(name: "Parts"),
    .executableTarget(name: "Tool", dependencies: ["Parts"]),
  ])
SWIFT
  local i
  for ((i = 0; i < 12; i++)); do
    cat >"Sources/Parts/Part$i.swift" <<SWIFT
public struct Part$i: Sendable, Hashable, Codable {
  public var names: [String]
  public var table: [String: [Int]]
  public init(count: Int) {
    names = (0..<count).map { "part-\\(\$0)-$i" }
    table = Dictionary(grouping: 0..<count) { "key\\(\$0 % 17)" }
  }
  public func total() -> Int { table.values.map { \$0.reduce(0, +) }.reduce($i, &+) &+ names.joined().utf8.count }
}
SWIFT
  done
  {
    echo 'import Foundation'
    echo 'import Parts'
    echo 'var totals: [Int] = []'
    for ((i = 0; i < 12; i++)); do echo "totals.append(Part$i(count: $((i * 100 + 50))).total())"; done
    echo 'await withTaskGroup(of: Int.self) { group in'
    echo '  for n in 0..<64 { group.addTask { Part3(count: n * 10).total() } }'
    echo '  var sum = 0; for await value in group { sum &+= value }; totals.append(sum) }'
    echo 'let data = try JSONEncoder().encode(Part5(count: 500))'
    echo 'totals.append(try JSONDecoder().decode(Part5.self, from: data).total())'
    echo 'print(totals)'
  } >Sources/Tool/main.swift
}

build() {
  under 240 swift build -j 2 --disable-sandbox --cache-path "$PWD/cache" --config-path "$PWD/config" \
    --security-path "$PWD/security" -c "$1" >log 2>&1 || { tail -n 40 log >&2; return 1; }
  grep -cE 'warning:|error:' log || true
  under 30 ".build/$1/Tool"
}

run() {
  cp -r "$PROGRAM_SHARED"/* .
  under 60 swift package --disable-sandbox --cache-path "$PWD/cache" dump-package | sed "s|$PWD||g" | sha256sum
  build debug
  if [[ $PROGRAM_QUICK == 0 ]]; then build release; fi
}
