// SPDX-License-Identifier: Apache-2.0
//
// An item of 64 bytes, taken and given back.
import Anax
import Benchmark
import CCounts

private struct Record {
  var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
}

/// With the header as large as a record.
private final class RecordObject {
  var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
}

func zones() {
  // One for all runs: the same zone as long as the process runs.
  guard let zone = try? Zone<Record>("micro") else { fatalError("no zone could be made") }
  Benchmark("zone-item") { benchmark in
    try benchmark.count { () throws(ZoneError) in
      let item = try zone.allocate()
      counts_keep(item)
      zone.deallocate(item)
    }
  }
  Benchmark("zone-raw-item") { benchmark in
    let raw = zone.raw
    try benchmark.count { () throws(ZoneError) in
      let item = try raw.allocate()
      counts_keep(item)
      raw.deallocate(item)
    }
  }
  Benchmark("zone-box") { benchmark in
    try benchmark.count { () throws(ZoneError) in
      var box = try zone.box(Record())
      withUnsafePointer(to: &box.value) { counts_keep($0) }
    }
  }
  Benchmark("peer-pointer-allocate") { benchmark in
    benchmark.count {
      let item = UnsafeMutablePointer<Record>.allocate(capacity: 1)
      counts_keep(item)
      item.deallocate()
    }
  }
  Benchmark("peer-class-instance") { benchmark in
    benchmark.count {
      let object = Unmanaged.passRetained(RecordObject())
      counts_keep(object.toOpaque())
      object.release()
    }
  }
}
