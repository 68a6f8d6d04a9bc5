import Inference
import TestSupport
import Testing

struct InferencePlanTests {
  @Test(arguments: Precision.testable, [1, 3])
  func fer48GivesWhatItsDefinitionSays(precision: Precision, batchSize: Int) throws {
    // Narrow, so that the plain loops of the reference stay quick.
    let spec = ModelSpec.fer48(widths: [8, 16, 24, 40])
    let weights = spec.randomWeights()
    var generator = SeededGenerator(seed: 2)
    let input = generator.values(batchSize * 48 * 48)
    let expected = try ReferenceExecutor(spec: spec, weights: weights).run(input, batchSize: batchSize)
    for threads in [1, 2] {
      let plan = try InferencePlan(
        spec: spec, weights: weights, batchSize: batchSize, precision: precision, threads: threads)
      #expect(plan.inputShape == FeatureShape(channels: 1, height: 48, width: 48))
      #expect(plan.outputShape(0) == FeatureShape(channels: 7, height: 1, width: 1))
      let first = try results(of: plan, for: input)
      #expect(relativeError(first[0], expected[0]) < precision.tolerance)
      // The input is still there, and nothing of the last run is left over.
      try plan.run()
      #expect(plan.withOutput(0) { Array($0) } == first[0])
    }
  }

  @Test func aMissingParameterIsNamed() throws {
    let spec = ModelSpec.fer48(widths: [8])
    var weights = spec.randomWeights()
    weights["layer1.0.conv2.weight"] = nil
    #expect(throws: InferenceError.parameter(name: "layer1.0.conv2.weight", "missing")) {
      _ = try InferencePlan(spec: spec, weights: weights, batchSize: 1, precision: .f32, threads: 1)
    }
  }

  @Test func aMisshapenParameterIsNamed() throws {
    let spec = ModelSpec.fer48(widths: [8])
    var weights = spec.randomWeights()
    weights["fc.weight"] = Tensor(zeros: [8, 7])
    #expect(throws: InferenceError.parameter(name: "fc.weight", "expected shape [7, 8], found [8, 7]")) {
      _ = try InferencePlan(spec: spec, weights: weights, batchSize: 1, precision: .f32, threads: 1)
    }
  }
}
