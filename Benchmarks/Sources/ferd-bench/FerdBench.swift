import ArgumentParser

/// Times the parts of ferd. Each figure is one JSON line with the keys that `scripts/peers` use too.
@main
struct FerdBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ferd-bench", abstract: "Times the parts of ferd; prints one JSON line per figure.",
    subcommands: [
      BiasCommand.self, DetectorCommand.self, InferenceCommand.self, ScoresCommand.self, SpecCommand.self,
      TrainingCommand.self,
    ])
}
