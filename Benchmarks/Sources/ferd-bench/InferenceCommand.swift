import ArgumentParser
import Inference

/// Times compiled networks.
struct InferenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inference", abstract: "Time a network's compiled plans.")

  @Argument(help: NetworkChoice.help)
  var network: NetworkChoice

  @Option(parsing: .upToNextOption, help: "Pictures per run.")
  var batches = [1, 8]

  @Option(parsing: .upToNextOption, help: "f32, bf16; default: what the processor is fast at.")
  var precisions: [Precision] = Precision.worthwhile

  @Option var threads = 2

  @Option(help: "How long each figure is measured.")
  var seconds = 2.0

  @Flag(help: "Also list the kernels that serve each operation, on stderr.")
  var kernels = false

  func run() throws {
    let (spec, weights) = try network.load()
    for batch in batches {
      for precision in precisions {
        let plan = try InferencePlan(
          spec: spec, weights: weights, batchSize: batch, precision: precision, threads: threads)
        plan.withInput { fillWithNoise($0, seed: 2) }
        if kernels {
          for (name, implementation) in plan.operations { printToStandardError("\(name): \(implementation)") }
        }
        let measurement = try Measurement(seconds: seconds) { try plan.run() }
        try Figure(
          what: "inference", network: spec.name, precision: precision.rawValue, batch: batch, threads: threads,
          medianMs: measurement.median * 1e3, minMs: measurement.minimum * 1e3
        ).printLine()
      }
    }
  }
}
