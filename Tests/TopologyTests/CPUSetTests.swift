// SPDX-License-Identifier: Apache-2.0
//
// Sets of ids and their text.
import Testing
import Topology

@Suite struct CPUSetTests {
  @Test(arguments: [
    ("0-3,8", [0, 1, 2, 3, 8]), ("", []), ("\n", []), (" 5 \n", [5]), ("63-65", [63, 64, 65]), ("2,0,1,1", [0, 1, 2]),
    ("65535", [65535]),
  ])
  func listIsRead(_ text: String, _ ids: [Int]) throws {
    #expect(try CPUSet(parsing: text).ids == ids)
  }

  @Test(arguments: ["a", "1-", "-1", "3-1", "1,,2", ",", "1 2", "65536", "99999999999999999999", "0-3:1/2", "+1"])
  func whatIsNoListIsRefused(_ text: String) {
    #expect(throws: TopologyError.self) { try CPUSet(parsing: text) }
  }

  @Test func errorNamesSourceAndText() {
    #expect {
      try CPUSet(parsing: "x-y", source: "/sys/a")
    } throws: {
      "\($0)" == "/sys/a: \"x-y\" is not a list such as 0-3,8 of ids up to 65535"
    }
  }

  @Test(arguments: ["", "0", "0-1", "0,2", "0-3,8", "1,63-65,127-128,4096"])
  func textIsTheKernelsForm(_ text: String) throws {
    #expect(try CPUSet(parsing: text).description == text)
  }

  @Test func setsOfEqualContentAreEqual() {
    let wide = CPUSet([1, 1000])
    #expect(wide.subtracting(CPUSet([1000])) == CPUSet([1]))
    #expect(wide.intersection(CPUSet([2])) == CPUSet())
    #expect(wide.union(CPUSet([2])).ids == [1, 2, 1000])
    #expect(wide.count == 2 && wide.contains(1000) && !wide.contains(999) && !wide.contains(-1))
  }
}
