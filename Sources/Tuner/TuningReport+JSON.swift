// SPDX-License-Identifier: Apache-2.0
//
// The report as JSON: whole, with every reading, for `--format json`; and the part of it that a profile carries as
// evidence.

import Report
import Anax
import Machine

extension TuningReport {
  /// The text of `anax-profile.json`.
  package var profile: String {
    TokenProfile(machine: machine, isComplete: isComplete, values: values).text(evidence: evidence)
  }

  private var evidence: JSON.Members {
    var members: JSON.Members = [
      "verdict": .string(verdict), "reason": .string(reason),
      "warning": .optional(warning, JSON.string),
      "made": .object([
        "date": .string(date), "command": .string(command), "seed": .string("\(plan.seed)"),
        "seconds": .number(record.duration),
      ]),
      "default": json(plan.candidates[0]),
      "guard_rails": .object([
        "cpu_rise": .number(record.rails.cpuRise), "fairness": .number(record.rails.fairness),
        "tail_rise": .number(record.rails.tailRise), "worthwhile": .number(Choice.worthwhile),
      ]),
      "costs_ns": .object([
        "pause": json(costs.pause), "futex_same_cpu": .optional(costs.futexSameCPU, json),
        "futex_other_cpu": .optional(costs.futexOtherCPU, json), "context_switch": .optional(costs.contextSwitch, json),
        "counter_khz": .number(costs.counterFrequency),
      ]),
      "cells": .object([
        "measured": .integer(Int64(record.samples.count)), "redone": .integer(Int64(record.discarded)),
        "kept_dirty": .integer(Int64(record.dirty)),
      ]),
    ]
    members.append(
      "confirmed", .optional(record.winner.flatMap { comparison(of: $0) }) { json($0.comparison, stage: $0.stage) })
    members.append(
      "validated",
      .optional(
        record.winner.flatMap {
          Comparison(record.samples, stage: .confirmation, candidate: $0, workloads: plan.heldOut)
        }
      ) { json($0, stage: .confirmation) })
    members.append("finals", .array(finalists.map { json($0, stage: .finals) }))
    members.append(
      "computed",
      .array(
        optima.sorted { $0.key < $1.key }.map { index, optimum in
          .object([
            "workload": .string(plan.workloads[index].name), "wait_ns": .number(optimum.budget),
            "cost_ns": .number(optimum.cost), "default_cost_ns": .number(optimum.costOfDefault),
            "block_cost_ns": .number(optimum.blockCost),
          ])
        }))
    return members
  }

  /// Everything, every reading included.
  package var json: JSON {
    var members: JSON.Members = ["machine": machine.json]
    for member in evidence.list { members.append(member.key, member.value) }
    members.append("complete", .boolean(isComplete))
    members.append("candidates", .array(plan.candidates.map(json)))
    members.append("workloads", .array(plan.workloads.map { .string($0.name) }))
    members.append("readings", .array(record.samples.map(json)))
    return .object(members)
  }

  private func json(_ candidate: Candidate) -> JSON {
    .object(
      candidate.values.reduce(into: [:]) { $0.append("\($1.tunable.row.name)", .integer(Int64($1.value))) })
  }

  private func json(_ spread: MachineCosts.Spread) -> JSON {
    .array([.number(spread.middle), .number(spread.low), .number(spread.high)])
  }

  private func json(_ interval: Interval) -> JSON {
    .array([.number(interval.middle), .number(interval.low), .number(interval.high)])
  }

  private func json(_ comparison: Comparison, stage: Stage.Name) -> JSON {
    .object([
      "candidate": json(plan.candidates[comparison.candidate]), "stage": .string(stage.rawValue),
      "rounds": .integer(Int64(comparison.rounds)), "throughput": json(comparison.throughput),
      "cpu_per_operation": json(comparison.cpu), "p999_of_wait": .optional(comparison.tail, json),
      "violations": .array(comparison.violations(record.rails, plan.workloads).map(JSON.string)),
      "workloads": .array(
        comparison.parts.map { part in
          .object([
            "workload": .string(plan.workloads[part.workload].name), "throughput": json(part.throughput),
            "cpu_per_operation": json(part.cpu), "p999_of_wait": .optional(part.tail, json),
            "fairness": .optional(part.fairness) { .array([.number($0.own), .number($0.standard)]) },
          ])
        }),
    ])
  }

  private func json(_ sample: Sample) -> JSON {
    let reading = sample.reading
    return .object([
      "stage": .string(sample.stage.rawValue), "round": .integer(Int64(sample.round + 1)),
      "workload": .integer(Int64(sample.workload)), "candidate": .integer(Int64(sample.candidate)),
      "operations": .number(reading.operations), "wall_s": .number(reading.wall), "cpu_s": .number(reading.cpu),
      "wait_ns": .optional(reading.waits) {
        .object([
          "p50": .number($0.p50), "p99": .number($0.p99), "p99.9": .number($0.p999), "longest": .number($0.longest),
        ])
      },
      "fairness": .optional(reading.fairness, JSON.number),
      "voluntary_switches": .integer(Int64(reading.voluntarySwitches)),
      "involuntary_switches": .integer(Int64(reading.involuntarySwitches)), "steal_s": .number(reading.steal),
      "foreign_s": .number(reading.foreign), "dirty": .boolean(reading.isDirty),
      "redone": .integer(Int64(reading.redone)),
    ])
  }
}
