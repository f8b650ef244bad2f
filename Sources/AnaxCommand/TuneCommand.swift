// SPDX-License-Identifier: Apache-2.0
//
// `anax tune`: measures how contended tokens should wait on this machine, for a workload that is declared or a program
// that is named, and writes a page and a profile. Ends with 0 whether it chose or kept the default, 130 when it was
// stopped (what was measured until then is written), 1 when it could not measure or write, or had no time to choose.
import Anax
import ArgumentParser
import Glibc
import Report
import Tuner

struct TuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Find how contended tokens should wait on this machine.",
    usage: "anax tune [options] [-- <program> [<args> ...]]",
    discussion: """
      Measures the machine, sweeps lwkt.token_spin and lwkt.token_delay over the workload that the options declare, and \
      writes anax-tuning.html and anax-profile.json. The profile takes effect by ANAX_PROFILE=anax-profile.json. With a \
      program, the choice is made for its wall time, and the declared workload validates it. "Keep the default" is an \
      answer. Run it on a machine that does nothing else.
      """)

  @Flag(help: "A coarse sweep that ends within a minute.")
  var quick = false

  @Option(help: ArgumentHelp("Where the page and the profile go.", valueName: "folder"))
  var output = "."

  @OptionGroup var format: FormatOption

  @Option(help: "Decides the random order of the cells.")
  var seed: UInt64 = 1

  @Option(help: "Rounds of the finals; the confirmation has twice as many.")
  var rounds: Int?

  @Option(help: "Nanoseconds with the token: a list, as 100,2000.")
  var section: String?

  @Option(help: "Mean nanoseconds between two sections: a list.")
  var think: String?

  @Option(help: "Threads for each CPU allowed: a list.")
  var threads: String?

  @Option(help: "Percent of the sections that take the token shared: a list.")
  var shared: String?

  @Option(help: ArgumentHelp("How far CPU time per operation may rise.", valueName: "percent"))
  var maxCpuRise = 10.0

  @Option(help: ArgumentHelp("Jain's index that must be kept, 0 to 1.", valueName: "index"))
  var minFairness = 0.9

  @Argument(parsing: .captureForPassthrough, help: "A program and its arguments: the workload to choose for.")
  var program: [String] = []

  func validate() throws {
    try answerHelp(in: program)
    if let first = program.first, first != "--" {
      throw ValidationError(
        first.hasPrefix("-")
          ? "Unknown option '\(first)'." : "A program is named behind --: anax tune [options] -- \(first)")
    }
    if program.first == "--", program.count == 1 { throw ValidationError("Missing the program behind --.") }
    if let rounds, !(3...100).contains(rounds) { throw ValidationError("--rounds wants 3...100.") }
    if !(0...1000).contains(maxCpuRise) { throw ValidationError("--max-cpu-rise wants 0...1000.") }
    if !(0...1).contains(minFairness) { throw ValidationError("--min-fairness wants 0...1.") }
    _ = try wishes()
  }

  private func wishes() throws(ValidationError) -> TuningSession.Wishes {
    let sections = try list(section, "--section", 0...10_000_000) ?? (quick ? [100, 2000] : [100, 1000, 10_000])
    let thinks = try list(think, "--think", 0...100_000_000) ?? (quick ? [500] : [500, 5000])
    let threadsPerCPU = try list(threads, "--threads", 0.1...64) ?? [1, 4]
    let shares = try list(shared, "--shared", 0...100) ?? (quick ? [0] : [0, 50])
    var wishes = TuningSession.Wishes(
      grid: WorkloadGrid(
        sections: sections.map { Int($0) }, thinks: thinks.map { Int($0) }, threadsPerCPU: threadsPerCPU,
        shared: shares.map { $0 / 100 }),
      tries: quick ? [0, 5, 20, 100] : [0, 1, 5, 20, 80, 320],
      delays: quick ? [0, 200, 1000] : [0, 50, 200, 800, 3200],
      policies: [
        Candidate(.exponential2018, label: "exponential2018"),
        Candidate(SpinPolicy(tries: 12, delay: 50, longestDelay: 12_800, growth: .double), label: "doubling"),
      ],
      effort: quick ? .quick : .full)
    if let rounds { wishes.effort.rounds = rounds }
    wishes.rails.cpuRise = maxCpuRise / 100
    wishes.rails.fairness = minFairness
    wishes.seed = seed
    if program.count > 1 { wishes.program = Array(program.dropFirst()) }
    return wishes
  }

  private func list(_ text: String?, _ option: String, _ range: ClosedRange<Double>) throws(ValidationError)
    -> [Double]?
  {
    guard let text else { return nil }
    var values: [Double] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let value = Double(part), range.contains(value) else {
        throw ValidationError(
          "\(option) \(text): wants numbers of \(Text.number(range.lowerBound))...\(Text.fixed(range.upperBound, places: 0)), "
            + "with commas between them.")
      }
      if !values.contains(value) { values.append(value) }
    }
    return values
  }

  func run() throws {
    Interrupt.block()
    do throws(OutputError) {
      try OutputFile.makeFolder(output, parents: false)
    } catch {
      Complaint.say("\(error)")
      throw ExitCode(1)
    }
    let progress = ProgressLine()
    var session = TuningSession(
      try wishes(), command: (["anax"] + CommandLine.arguments.dropFirst()).joined(separator: " "),
      date: OutputFile.date())
    session.isInterrupted = { Interrupt.isPending }
    session.announce = progress.announce
    session.report = { progress.report($0) }
    let report: TuningReport
    do throws(CellFailure) {
      report = try session.run()
    } catch {
      progress.end()
      Complaint.say("\(error)")
      throw ExitCode(1)
    }
    progress.end()
    let page = try write(Page(report).html, "anax-tuning.html")
    let profile = try write(report.profile, profileName(isWhole: report.record.outcome != .unfinished))
    switch format.format {
    case .json: try Output.write(report.json.text() + "\n")
    case .text: try Output.write(report.text + "page                \(page)\nprofile             \(profile)\n")
    }
    if let failure = report.record.failure { Complaint.say(failure) }
    if report.record.isInterrupted { throw ExitCode(130) }
    if report.record.isOutOfTime || report.record.failure != nil { throw ExitCode(1) }
  }

  /// A profile that chose nothing since it was stopped takes the place of none that is there: services start with that.
  private func profileName(isWhole: Bool) -> String {
    let name = "anax-profile.json"
    return isWhole || access("\(output)/\(name)", F_OK) != 0 ? name : "anax-profile.unfinished.json"
  }

  private func write(_ text: String, _ name: String) throws(ExitCode) -> String {
    do throws(OutputError) {
      return try OutputFile.write(text, name, in: output)
    } catch {
      Complaint.say("\(error)")
      throw ExitCode(1)
    }
  }
}

extension ProgressLine {
  func report(_ progress: Progress, at now: Double = ProgressLine.seconds) {
    report(
      "\(progress.stage.rawValue), round \(progress.round) of \(progress.rounds)", done: progress.done,
      left: progress.left, at: now)
  }
}

/// Ctrl-C and SIGTERM: held back, and looked for between cells.
enum Interrupt {
  static func block() {
    var set = signals
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  static var isPending: Bool {
    var pending = sigset_t()
    sigpending(&pending)
    return sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1
  }

  private static var signals: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    return set
  }
}
