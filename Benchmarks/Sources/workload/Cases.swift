// SPDX-License-Identifier: Apache-2.0
//
// The list of all cases; each group of them is declared beside its code, under Workloads.

var allCases: [Case] {
  overheadCases + pairCases + batchCases + exchangeCases + serverCases + groupCases + liveSetCases + largeCases
    + localityCases + footprintCases + tailCases + structureCases + lifetimeCases
}
