// SPDX-License-Identifier: Apache-2.0
//
// The arithmetic of the tuner.
import Testing

@testable import Tuner

@Suite struct StatisticsTests {
}
