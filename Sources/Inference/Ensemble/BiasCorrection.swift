import Foundation

/// Factors on the probabilities of an ensemble, one per class, and a temperature: p' = p^(1/T) · b / Σ p^(1/T) · b.
///
/// 1 is neutral; the same as dividing the logits by T and adding ln b to them. Applied once, after all members are
/// averaged.
public struct BiasCorrection: Equatable, Sendable {
  /// In the order of the labels. Finite and positive.
  public let factors: [Float]
  /// Above 1 makes answers less sure, below 1 surer.
  public let temperature: Float

  /// Beyond these a temperature leaves nothing of the probabilities.
  public static let temperatureRange: ClosedRange<Double> = 0.05...100

  /// Factors that change nothing.
  public init(neutral labels: [String]) {
    factors = [Float](repeating: 1, count: labels.count)
    temperature = 1
  }

  /// Whether it changes nothing.
  public var isNeutral: Bool { temperature == 1 && factors.allSatisfy { $0 == 1 } }

  /// - Parameters:
  ///   - named: Factors by class, in one of its usual spellings (`anger` for `angry`). Classes not named are 1.
  ///   - labels: The classes in the ensemble's own spelling and order.
  ///   - temperature: Within `temperatureRange`.
  ///   - source: Where the factors come from, for messages.
  public init(
    _ named: [String: Double], labels: [String], temperature: Double = 1, source: String = "bias"
  ) throws(InferenceError) {
    guard Self.temperatureRange.contains(temperature) else {
      throw .unreadableFile(
        path: source,
        "expected a temperature from \(Self.temperatureRange.lowerBound) to \(Self.temperatureRange.upperBound), found "
          + "\(temperature)")
    }
    var factors = [Float](repeating: 1, count: labels.count)
    var seen: Set<Int> = []
    for (name, factor) in named.sorted(by: { $0.key < $1.key }) {
      guard let index = EmotionLabel.index(of: name, in: labels) else {
        throw .unreadableFile(
          path: source, "a factor for \"\(name)\", which is none of \(labels.joined(separator: ", "))")
      }
      guard seen.insert(index).inserted else {
        throw .unreadableFile(path: source, "two factors for \"\(labels[index])\"")
      }
      guard Float(factor).isFinite, Float(factor) > 0 else {
        throw .unreadableFile(path: source, "expected a positive factor for \"\(name)\", found \(factor)")
      }
      factors[index] = Float(factor)
    }
    self.factors = factors
    self.temperature = Float(temperature)
  }

  /// From a list such as `angry=4.5,neutral=2.8`.
  public init(parsing list: String, labels: [String]) throws(InferenceError) {
    var named: [String: Double] = [:]
    for part in list.split(separator: ",", omittingEmptySubsequences: false) {
      let pair = part.split(separator: "=", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard pair.count == 2, !pair[0].isEmpty, let factor = Double(pair[1]) else {
        throw .unreadableFile(path: "bias", "expected a list such as angry=4.5,neutral=2.8, found \"\(part)\"")
      }
      guard named.updateValue(factor, forKey: pair[0]) == nil else {
        throw .unreadableFile(path: "bias", "two factors for \"\(pair[0])\"")
      }
    }
    try self.init(named, labels: labels)
  }

  /// From a `bias.json`: `{"v":1,"factors":{"angry":1.4,…},"temperature":1,…}`; without a temperature it is 1.
  public init(contentsOf path: String, labels: [String]) throws(InferenceError) {
    struct Content: Decodable {
      var v: Int
      var factors: [String: Double]
      var temperature: Double?
    }
    let bytes = try FileAccess.read(path, limit: 1 << 24)
    let content = try JSONText.decode(Content.self, from: bytes, path: path)
    guard content.v == 1 else { throw .unreadableFile(path: path, "expected version 1, found \(content.v)") }
    try self.init(content.factors, labels: labels, temperature: content.temperature ?? 1, source: path)
  }

  /// Corrects one face's probabilities in place. Where nothing is left to scale, all classes become equal.
  public func apply(to probabilities: UnsafeMutableBufferPointer<Float>) {
    precondition(probabilities.count == factors.count, "\(probabilities.count) values for \(factors.count) factors")
    if temperature != 1 { applyTemperature(to: probabilities) }
    var sum: Float = 0
    for index in factors.indices {
      probabilities[index] *= factors[index]
      sum += probabilities[index]
    }
    let isUsable = sum > 0 && sum.isFinite
    for index in factors.indices {
      probabilities[index] = isUsable ? probabilities[index] / sum : 1 / Float(factors.count)
    }
  }

  /// Relative to the highest one, so that no power of it vanishes.
  private func applyTemperature(to probabilities: UnsafeMutableBufferPointer<Float>) {
    guard let highest = probabilities.max(), highest > 0, highest.isFinite else { return }
    for index in probabilities.indices {
      probabilities[index] = pow(probabilities[index] / highest, 1 / temperature)
    }
  }

  /// The same for a copy.
  public func corrected(_ probabilities: [Float]) -> [Float] {
    var result = probabilities
    result.withUnsafeMutableBufferPointer { apply(to: $0) }
    return result
  }
}

/// The classes of FER2013 under the names that data sets and people use for them.
public enum EmotionLabel {
  private static let spellings: [[String]] = [
    ["angry", "anger"], ["disgust", "disgusted"], ["fear", "fearful", "afraid", "scared"],
    ["happy", "happiness", "joy"], ["sad", "sadness"], ["surprise", "surprised"], ["neutral", "neutrality"],
    ["contempt", "contemptuous"],
  ]

  /// Which of `labels` is meant: the same word, or another usual spelling of it, in any case.
  public static func index(of name: String, in labels: [String]) -> Int? {
    let name = name.lowercased()
    if let index = labels.firstIndex(where: { $0.lowercased() == name }) { return index }
    guard let group = spellings.first(where: { $0.contains(name) }) else { return nil }
    return labels.firstIndex { group.contains($0.lowercased()) }
  }
}
