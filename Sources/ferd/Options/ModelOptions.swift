public import ArgumentParser
import Foundation
public import Inference

/// Which network to use and how to run it; the same in every subcommand that uses one.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Ensemble folder or model file (.safetensors).",
      discussion: "Default: $FERD_MODEL, or else the bundled ensemble.", valueName: "path"))
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Number format inside the network: f32 or bf16. Default: the fastest that the processor and the model support."
    ))
  var precision: Precision?

  @Option(
    help: ArgumentHelp("Threads for the networks. Default: chosen by the subcommand.", valueName: "n"))
  var threads: Int?

  func validate() throws {
    if let threads, !(1...1024 ~= threads) {
      throw ValidationError("--threads takes a number from 1 to 1024, not \(threads).")
    }
  }

  /// Where the ensemble lies.
  ///
  /// - Throws: `CommandFailure` (66) where there is none.
  func path() throws -> String {
    try ModelLocator().path(
      given: model, variable: "FERD_MODEL", bundledName: ModelLocator.ensembleName, what: "model", option: "--model"
    )
  }
}

extension Precision: ExpressibleByArgument {}
