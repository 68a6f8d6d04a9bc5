import Foundation
import Inference
import TestSupport
import Testing

struct BiasCorrectionTests {
  static let labels = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]

  @Test func probabilitiesAreMultipliedAndScaledToOne() throws {
    let bias = try BiasCorrection(["a": 2, "b": 0.5], labels: ["a", "b", "c"])
    let result = bias.corrected([0.25, 0.5, 0.25])
    #expect(relativeError(result, [0.5, 0.25, 0.25]) < 1e-6)
    #expect(BiasCorrection(neutral: ["a", "b", "c"]).corrected([0.25, 0.5, 0.25]) == [0.25, 0.5, 0.25])
  }

  @Test func aTemperatureDividesTheLogits() throws {
    let logits: [Float] = [1, -2, 0.5]
    func softmax(_ logits: [Float]) -> [Float] {
      let exponentials = logits.map { expf($0) }
      return exponentials.map { $0 / exponentials.reduce(0, +) }
    }
    for temperature in [0.05, 0.5, 2, 100] {
      let bias = try BiasCorrection(["a": 3], labels: ["a", "b", "c"], temperature: temperature)
      let expected = softmax(logits.enumerated().map { $1 / Float(temperature) + ($0 == 0 ? logf(3) : 0) })
      #expect(relativeError(bias.corrected(softmax(logits)), expected) < 1e-5)
      #expect(!bias.isNeutral)
    }
    #expect(try BiasCorrection([:], labels: ["a", "b"], temperature: 1).isNeutral)
    // So small that only the ratio to the highest one is left.
    let bias = try BiasCorrection([:], labels: ["a", "b"], temperature: 0.05)
    #expect(bias.corrected([1e-5, 1e-5]) == [0.5, 0.5])
    #expect(bias.corrected([0, 0]) == [0.5, 0.5])
  }

  @Test(arguments: [0, -1, 0.01, 1000, Double.nan, .infinity])
  func temperaturesThatLeaveNothingAreRefused(temperature: Double) {
    #expect(throws: InferenceError.self) { try BiasCorrection([:], labels: ["a", "b"], temperature: temperature) }
  }

  @Test func nothingToScaleMakesAllClassesEqual() {
    let bias = BiasCorrection(neutral: ["a", "b"])
    #expect(bias.corrected([0, 0]) == [0.5, 0.5])
    #expect(bias.corrected([.nan, 1]) == [0.5, 0.5])
  }

  @Test(arguments: [
    "angry=4.5,neutral=2.8", "neutral = 2.8 , angry = 4.5", "Anger=4.5,NEUTRAL=2.8", "angry=4.50,neutral=28e-1",
  ])
  func listsMayUseAnyUsualSpelling(list: String) throws {
    #expect(try BiasCorrection(parsing: list, labels: Self.labels).factors == [4.5, 1, 1, 1, 1, 1, 2.8])
  }

  @Test func labelsThemselvesMayHaveAnotherSpelling() throws {
    #expect(try BiasCorrection(parsing: "happy=2", labels: ["Sadness", "Happiness"]).factors == [1, 2])
  }

  @Test(arguments: [
    ("", "found \"\""), ("angry", "found \"angry\""), ("angry=", "found \"angry=\""), ("angry=1=2", "angry=1=2"),
    ("angry=x", "angry=x"), ("angry=0", "found 0.0"), ("angry=-1", "found -1.0"), ("angry=inf", "found inf"),
    ("angry=nan", "found nan"), ("angry=1e300", "found 1e+300"), ("angry=1e-300", "found 1e-300"),
    ("angry=1,", "found \"\""), ("angry=1,angry=2", "two factors"), ("angry=1,anger=2", "two factors"),
    ("bored=2", "\"bored\", which is none of angry"),
  ])
  func wrongListsAreExplained(list: String, message: String) {
    let error = #expect(throws: InferenceError.self) { try BiasCorrection(parsing: list, labels: Self.labels) }
    #expect(error.map { "\($0)" }?.contains(message) == true, "\(String(describing: error))")
  }

  @Test func aBiasFileGivesItsFactors() throws {
    try withTemporaryFolder { folder in
      let path = "\(folder)/bias.json"
      func read(_ text: String) throws -> BiasCorrection {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return try BiasCorrection(contentsOf: path, labels: Self.labels)
      }
      let bias = try read(#"{"v":1,"factors":{"fear":1.5},"recommended":true,"candidate":{"fear":9},"seed":1}"#)
      #expect(bias.factors == [1, 1, 1.5, 1, 1, 1, 1] && bias.temperature == 1)
      #expect(try read(#"{"v":1,"factors":{},"temperature":1.5}"#).temperature == 1.5)
      for text in [
        "", "[]", #"{"v":2,"factors":{}}"#, #"{"v":1}"#, #"{"v":1,"factors":{"fear":"1"}}"#,
        #"{"v":1,"factors":{"fear":-1}}"#, #"{"factors":{}}"#, #"{"v":1,"factors":{},"temperature":0}"#,
      ] {
        let error = #expect(throws: InferenceError.self, "\(text)") { try read(text) }
        #expect(error.map { "\($0)" }?.contains(path) == true)
      }
    }
  }
}
