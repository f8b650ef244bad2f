// SPDX-License-Identifier: Apache-2.0
//
// Sets of ids: their text, their algebra and their order, the latter two beside Swift's own Set.
import Testing
import Topology

@Suite struct IDSetTests {
  @Test(arguments: [
    ("0-3,8", [0, 1, 2, 3, 8]), ("", []), ("\n", []), (" 5 \n", [5]), ("63-65", [63, 64, 65]), ("2,0,1,1", [0, 1, 2]),
    ("65535", [65535]),
  ])
  func listIsRead(_ text: String, _ ids: [Int]) throws {
    #expect(Array(try CPUSet(parsing: text)) == ids)
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
    let wide: CPUSet = [1, 1000]
    for one in [wide.subtracting([1000]), wide.intersection([1, 2]), wide.symmetricDifference([1000])] {
      #expect(one == [1] && one.hashValue == CPUSet([1]).hashValue)
    }
    var less = wide
    #expect(less.remove(1000) == 1000 && less.remove(1000) == nil && less.remove(-1) == nil && less == [1])
    #expect(wide.count == 2 && wide.contains(1000) && !wide.contains(999) && !wide.contains(-1))
  }

  /// Half of the ids lie close together, half are far apart; whole words between them are empty.
  @Test func algebraIsThatOfSwiftsSets() {
    var random = Random(seed: 7)
    func ids() -> [Int] {
      (0..<Int.random(in: 0...40, using: &random)).map { _ in
        Int.random(in: 0...(Bool.random(using: &random) ? 150 : 9000), using: &random)
      }
    }
    for _ in 0..<300 {
      let (left, right) = (ids(), ids())
      let (a, b, first, second) = (Set(left), Set(right), NodeSet(left), NodeSet(right))
      #expect(Array(first) == a.sorted() && first.reversed() == a.sorted().reversed())
      #expect(first.count == a.count && first.isEmpty == a.isEmpty && first.first == a.min() && first.last == a.max())
      #expect(Array(first.union(second)) == a.union(b).sorted())
      #expect(Array(first.intersection(second)) == a.intersection(b).sorted())
      #expect(Array(first.subtracting(second)) == a.subtracting(b).sorted())
      #expect(Array(first.symmetricDifference(second)) == a.symmetricDifference(b).sorted())
      #expect(
        first.isSubset(of: second) == a.isSubset(of: b) && first.isDisjoint(with: second) == a.isDisjoint(with: b))
      #expect((first == second) == (a == b))
      var changed = (a, first)
      for id in right {
        if Bool.random(using: &random) {
          #expect(changed.0.insert(id).inserted == changed.1.insert(id).inserted)
        } else {
          #expect(changed.0.remove(id) == changed.1.remove(id))
        }
      }
      changed.0.formUnion(b)
      changed.1.formUnion(second)
      #expect(changed.1.update(with: 3) == changed.0.update(with: 3))
      #expect(Array(changed.1) == changed.0.sorted())
    }
  }

  /// Ids with words and parts of words between them.
  @Test func indicesGoBothWays() {
    let set: CPUSet = [0, 63, 64, 320, 9001]
    let indices = Array(set.indices)
    #expect(indices.map { set[$0] } == [0, 63, 64, 320, 9001])
    var index = set.endIndex
    for expected in indices.reversed() {
      index = set.index(before: index)
      #expect(index == expected)
    }
    #expect(index == set.startIndex && CPUSet().startIndex == CPUSet().endIndex)
    #expect(set.index(after: indices[4]) == set.endIndex && indices == indices.sorted())
  }

  @Test func idsThatCannotBeStopTheProcess() async {
    await #expect(processExitsWith: .failure) {
      var set = CPUSet(); set.insert(65536)
    }
    await #expect(processExitsWith: .failure) { _ = [-1] as CPUSet }
  }
}
