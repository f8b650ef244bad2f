// SPDX-License-Identifier: Apache-2.0
//
// Resident memory: of threads that hold nothing, of a program that freed all and falls silent (or goes on in small), of
// a heap with one block in 64 left, and of a small program that asks for huge pages everywhere.

import CBench
import Glibc
import Instruments

let footprintCases: [Case] =
  [
    Case(name: "threads-rss", about: "500 threads take and free 64 small blocks each: resident KiB a thread") {
      _ in threadFootprint()
    },
    Case(name: "fragment-rss", about: "128 B blocks, 63 of 64 freed, then 1 KiB blocks: resident MiB over the start") {
      fragments($0)
    },
    Case(name: "breathing", about: "a service fills up, empties and idles, twice: resident MiB ten times a second") {
      breathing($0)
    },
    Case(name: "warm", about: "no measurement: touches 384 MiB, so that the host gives them to this machine") {
      warm($0)
    },
    Case(name: "huge-pages", about: "huge pages asked for on every mapping of a small program: resident KiB") {
      hugePages($0)
    },
  ]
  + [24, 100, 1000].flatMap { size in
    [
      Case(name: "silence-\(size)", about: "192 MB of \(size) B blocks freed, then 10 s of silence: resident MiB") {
        silence($0, size, busy: false)
      },
      Case(name: "busy-\(size)", about: "192 MB of \(size) B blocks freed, then 10 s of small work: resident MiB") {
        silence($0, size, busy: true)
      },
    ]
  }

/// Threads that are alive at once; each comes to `ready`, does its part, comes to `ready` again, and waits for `leave`.
private struct Crowd {
  let words: UnsafeMutablePointer<UInt64>
  let count: Int
  let allocating: Bool
}

private func gather(_ crowd: UnsafeMutablePointer<Crowd>) -> [pthread_t] {
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setstacksize(&attributes, 64 << 10)
  var threads: [pthread_t] = []
  threads.reserveCapacity(crowd.pointee.count)
  for _ in 0..<crowd.pointee.count {
    var thread = pthread_t()
    let error = pthread_create(
      &thread, &attributes,
      { argument in
        member(argument!.assumingMemoryBound(to: Crowd.self).pointee)
        return nil
      }, crowd)
    guard error == 0 else { fail("pthread_create failed with error \(error)") }
    threads.append(thread)
  }
  return threads
}

private func member(_ crowd: Crowd) {
  if crowd.allocating {
    withUnsafeTemporaryAllocation(of: Block.self, capacity: 64) { blocks in
      useStack()
      for slot in 0..<64 {
        blocks[slot] = bench_malloc(16 + slot * 8)
        blocks[slot].touch()
      }
      for slot in 0..<64 { bench_free(blocks[slot]) }
    }
  } else {
    useStack()
  }
  _ = bench_add(crowd.words, 1)
  while bench_load(crowd.words + 8) == 0 { usleep(20_000) }
}

/// Touches 8 KiB of the stack in every thread, so that the stack of an allocator's functions is not counted as its
/// memory.
@inline(never)
private func useStack() {
  withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 16) { stack in
    _ = bench_opaque(stack.baseAddress!)
    stack.baseAddress!.touchAll(8192, step: 512)
    _ = bench_opaque(stack.baseAddress!)
  }
}

/// Resident KiB before, with the crowd alive, and after it left.
private func visit(_ crowd: UnsafeMutablePointer<Crowd>) -> (before: Int, live: Int, after: Int) {
  crowd.pointee.words[0] = 0
  crowd.pointee.words[8] = 0
  let before = Resident.exact()
  let threads = gather(crowd)
  while bench_load(crowd.pointee.words) < UInt64(crowd.pointee.count) { usleep(1000) }
  let live = Resident.exact()
  bench_store(crowd.pointee.words + 8, 1)
  for thread in threads { pthread_join(thread, nil) }
  usleep(20_000)
  return (before, live, Resident.exact())
}

/// Bare threads first (the second time counts: stacks are kept by libc), then threads that allocate.
/// At every scale as many: what a process needs once is shared by them.
private func threadFootprint() -> [(String, Double)] {
  let count = 500
  let words = mapped(16, of: UInt64.self)
  let bare = UnsafeMutablePointer<Crowd>.allocate(capacity: 2)
  bare.initialize(to: Crowd(words: words, count: count, allocating: false))
  let allocating = bare + 1
  allocating.initialize(to: Crowd(words: words, count: count, allocating: true))
  bench_free(bench_malloc(64))
  let first = visit(bare)
  let baseline = visit(bare)
  let measured = visit(allocating)
  let perThread = 1 / Double(count)
  return [
    ("live_kib", Double(measured.live - baseline.live) * perThread),
    ("after_kib", Double(measured.after - baseline.after) * perThread),
    ("bare_kib", Double(first.live - first.before) * perThread),
  ]
}

private func silence(_ conditions: Conditions, _ size: Int, busy: Bool) -> [(String, Double)] {
  let count = conditions.scaled(192_000_000) / size
  let blocks = mapped(count, of: Block.self)
  bench_free(bench_malloc(64))
  let start = Resident.exact()
  for index in 0..<count {
    blocks[index] = bench_malloc(size)
    memset(blocks[index], 1, size)
  }
  // As in any real program something allocated later lives on.
  let later = bench_malloc(size)
  later.touch()
  let full = Resident.exact()
  for index in 0..<count { bench_free(blocks[index]) }
  let freed = Resident.exact()
  if busy {
    var random = Random(conditions.seed)
    for _ in 0..<10 {
      for _ in 0..<200_000 { bench_free(bench_malloc(16 &+ random.below(1000))) }
      sleep(1)
    }
  } else {
    sleep(10)
  }
  let mebibytes = { (kibibytes: Int) in Double(kibibytes - start) / 1024 }
  let settled = Resident.exact()
  bench_free(later)
  return [
    ("mib", mebibytes(settled)), ("freed_mib", mebibytes(freed)), ("full_mib", mebibytes(full)),
    ("lazy_mib", Double(Resident.lazilyFreed()) / 1024),
  ]
}

/// Twelve seconds: 128 MiB of blocks of 16 to 2047 bytes fill up in one second, stay for one, and go in the third, all
/// but one in 50 that live on; three seconds of silence; the same again. A metric for each tenth of a second.
private func breathing(_ conditions: Conditions) -> [(String, Double)] {
  let target = conditions.scaled(128 << 20)
  let capacity = target / 512
  let blocks = mapped(capacity, of: Block?.self)
  let kept = mapped(capacity, of: Block?.self)
  let readings = mapped(121, of: Double.self)
  var random = Random(conditions.seed)
  bench_free(bench_malloc(64))
  let start = Resident.exact()
  let from = bench_now()
  var (count, bytes, keptCount) = (0, 0, 0)
  var freed = 0
  for tenth in 0...120 {
    while bench_now() - from < UInt64(tenth) * 100_000_000 { usleep(1000) }
    readings[tenth] = Double(Resident.exact() - start) / 1024
    let phase = tenth % 60
    if phase < 10 {
      if phase == 0 { (count, bytes, freed) = (0, 0, 0) }
      while count < capacity, bytes < target / 10 * (phase + 1) {
        let size = 16 + random.below(2032)
        blocks[count] = bench_malloc(size)
        memset(blocks[count]!, 1, size)
        (count, bytes) = (count + 1, bytes + size)
      }
    } else if phase >= 20, phase < 30 {
      while freed < count * (phase - 19) / 10 {
        if freed % 50 == 0, keptCount < capacity {
          kept[keptCount] = blocks[freed]
          keptCount += 1
        } else {
          bench_free(blocks[freed])
        }
        freed += 1
      }
    }
  }
  for index in 0..<keptCount { bench_free(kept[index]) }
  return (0...120).map { ("mib@\(Double($0) / 10)", readings[$0]) }
}

private func fragments(_ conditions: Conditions) -> [(String, Double)] {
  let total = conditions.scaled(64 << 20)
  let (small, big) = (total / 128, total / 1024)
  let blocks = mapped(small + big, of: Block.self)
  let start = Resident.exact()
  let from = bench_now()
  for index in 0..<small {
    blocks[index] = bench_malloc(128)
    blocks[index].touch()
  }
  for index in 0..<small where index % 64 != 0 { bench_free(blocks[index]) }
  for index in 0..<big {
    blocks[small + index] = bench_malloc(1024)
    blocks[small + index].touchAll(1024, step: 64)
  }
  let time = Double(bench_now() - from)
  return [("mib", Double(Resident.exact() - start) / 1024), ("ms", time / 1_000_000)]
}

private func warm(_ conditions: Conditions) -> [(String, Double)] {
  let bytes = conditions.scaled(384 << 20)
  guard let base = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), base != MAP_FAILED
  else { fail("no memory to touch") }
  madvise(base, bytes, CInt(MADV_HUGEPAGE))
  base.touchAll(bytes, step: 4096)
  return []
}

/// Marks every private writable mapping for huge pages, as a program does that wants them everywhere, and goes on with
/// a little work, twice, so that memory the allocator maps or extends later is marked too.
private func hugePages(_ conditions: Conditions) -> [(String, Double)] {
  let blocks = mapped(2000, of: Block.self)
  var random = Random(conditions.seed)
  for half in 0..<2 {
    adviseHugePages()
    for slot in half * 1000..<half * 1000 + 1000 {
      blocks[slot] = bench_malloc(16 + random.below(half == 0 ? 200 : 2000))
      blocks[slot].touch()
    }
  }
  return [("kib", Double(Resident.exact()))]
}

private func adviseHugePages() {
  guard let maps = fopen("/proc/self/maps", "r") else { fail("/proc/self/maps cannot be read") }
  defer { fclose(maps) }
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { line in
    while fgets(line.baseAddress!, 1024, maps) != nil {
      var rest: UnsafeMutablePointer<CChar>?
      let low = strtoul(line.baseAddress!, &rest, 16)
      let high = strtoul(rest! + 1, &rest, 16)
      // " rw-p offset device inode path": private, writable.
      if strncmp(rest!, " rw-p", 5) == 0 {
        _ = madvise(UnsafeMutableRawPointer(bitPattern: low), Int(high - low), CInt(MADV_HUGEPAGE))
      }
    }
  }
}
