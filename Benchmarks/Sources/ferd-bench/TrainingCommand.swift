import ArgumentParser
import Foundation
import Inference
import Training

/// Times training steps: forward, cross-entropy, backward, SGD. Pictures are noise; augmentation is not part of it.
struct TrainingCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "training",
    abstract: "Time a network's training steps, in pictures per second, and tell their peak memory.")

  @Argument(help: NetworkChoice.help)
  var network: NetworkChoice

  @Option(help: "Pictures per step.")
  var batch = 128

  @Option(parsing: .upToNextOption, help: "f32, bf16; default: what the processor is fast at.")
  var precisions: [Precision] = Precision.worthwhile

  @Option var threads = 2

  @Option(help: "How long each figure is measured.")
  var seconds = 10.0

  @Flag(help: "Also list each operation with its time and kernel, on stderr.")
  var kernels = false

  func run() throws {
    let spec = try network.load().spec
    for precision in precisions {
      try PeakMemory.reset()
      let parameters = ParameterStore(spec: spec, seed: 1)
      let graph = try TrainableGraph(
        spec: spec, parameters: parameters, batchSize: batch, precision: precision, threads: threads)
      let optimiser = SGD(parameters)
      fillWithNoise(graph.input, seed: 2)
      let classes = graph.outputShapes[0].elementCount
      let labels = (0..<batch).map { $0 % classes }
      var step: UInt64 = 0
      let measurement = try Measurement(seconds: seconds, warmUps: 2) {
        step += 1
        parameters.zeroGradients()
        try graph.forward(.train, dropoutSeed: step)
        writeCrossEntropyGradient(graph, labels: labels)
        try graph.backward()
        optimiser.step(learningRate: 0.01)
      }
      if kernels {
        for (name, seconds, implementation) in try graph.profile() {
          printToStandardError(String(format: "%9.3f ms  %@: %@", seconds * 1e3, name, implementation))
        }
      }
      try Figure(
        what: "training", network: spec.name, precision: precision.rawValue, batch: batch, threads: threads,
        imagesPerSecond: Double(batch) / measurement.median, peakMegabytes: PeakMemory.megabytes()
      ).printLine()
    }
  }
}

/// Softmax minus one-hot, divided by the batch: what cross-entropy hands back to the network.
private func writeCrossEntropyGradient(_ graph: TrainableGraph, labels: [Int]) {
  let logits = graph.output(0)
  let gradient = graph.outputGradient(0)
  let classes = logits.count / labels.count
  for (row, label) in labels.enumerated() {
    let range = row * classes..<(row + 1) * classes
    let largest = range.reduce(-Float.infinity) { max($0, logits[$1]) }
    let sum = range.reduce(Float(0)) { $0 + exp(logits[$1] - largest) }
    for index in range {
      let probability = exp(logits[index] - largest) / sum
      gradient[index] = (probability - (index == range.lowerBound + label ? 1 : 0)) / Float(labels.count)
    }
  }
}
