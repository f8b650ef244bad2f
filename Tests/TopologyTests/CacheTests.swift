// SPDX-License-Identifier: Apache-2.0
//
// Caches as the machine describes them, and the page colors that follow.
import Testing
import Topology

@Suite struct CacheTests {
  @Test func sharedCacheIsListedOnce() {
    let root = FakeRoot()
    root.cpus(online: "0-1")
    for cpu in 0...1 {
      root.cache(cpu: cpu, index: 0, level: 1, type: "Data", size: "32K", ways: 8, sets: 64, shared: "\(cpu)")
      root.cache(cpu: cpu, index: 1, level: 1, type: "Instruction", size: "32K", ways: 8, sets: 64, shared: "\(cpu)")
      root.cache(cpu: cpu, index: 2, level: 2, type: "Unified", size: "1024K", ways: 8, sets: 2048, shared: "\(cpu)")
      root.cache(cpu: cpu, index: 3, level: 3, type: "Unified", size: "32M", ways: 16, sets: 32768, shared: "0-1")
    }
    let topology = Topology(root: root.path)
    #expect(topology.warnings == [])
    #expect(topology.caches.map(\.level) == [1, 1, 1, 1, 2, 2, 3])
    #expect(topology.caches.last?.sharedBy == [0, 1])
    #expect(topology.caches.last?.size == 32 << 20)
    // 2048 sets of 64 bytes are 128 KiB a way.
    #expect(topology.colors(pageSize: 4096) == 32)
    #expect(topology.colors(pageSize: 16384) == 8)
    #expect(topology.colors(pageSize: 65536) == 2)
    #expect(topology.colors(pageSize: 1 << 21) == 1)
  }

  @Test func cacheWithoutSetsFallsBackToSizeAndWays() {
    let cache = Topology.Cache(
      level: 2, kind: .unified, size: 1 << 20, ways: 16, line: 64, sets: 0, sharedBy: [0])
    #expect(cache.waySize == 65536)
    #expect(cache.colors(pageSize: 4096) == 16)
    let unknown = Topology.Cache(
      level: 2, kind: .unified, size: 1 << 20, ways: 0, line: 64, sets: 0, sharedBy: [0])
    #expect(unknown.waySize == nil)
    #expect(unknown.colors(pageSize: 4096) == 1)
  }

  @Test func mostColorsCountWhereCPUsDiffer() {
    let root = FakeRoot()
    root.cpus(online: "0-1")
    root.cache(cpu: 0, index: 0, level: 2, type: "Unified", size: "2M", ways: 16, sets: 2048, shared: "0")
    root.cache(cpu: 1, index: 0, level: 2, type: "Unified", size: "4M", ways: 16, sets: 4096, shared: "1")
    #expect(Topology(root: root.path).colors(pageSize: 4096) == 64)
  }

  @Test func geometryThatDoesNotMultiplyIsTold() throws {
    let root = FakeRoot()
    root.cpus(online: "0")
    root.cache(cpu: 0, index: 0, level: 2, type: "Unified", size: "1024K", ways: 8, sets: 1024, shared: "0")
    let topology = Topology(root: root.path)
    #expect(topology.caches.count == 1)
    #expect(try #require(topology.warnings.first).contains("cpu0/cache/index0: 8 ways of 1024 sets"))
  }

  @Test func cacheWithoutLevelIsLeftOut() throws {
    let root = FakeRoot()
    root.cpus(online: "0")
    root.cache(cpu: 0, index: 0, level: 77, type: "Unified", size: "1K", ways: 1, sets: 16, shared: "0")
    let topology = Topology(root: root.path)
    #expect(topology.caches == [])
    #expect(topology.colors(pageSize: 4096) == 1)
    #expect(try #require(topology.warnings.first).contains("index0"))
  }
}
