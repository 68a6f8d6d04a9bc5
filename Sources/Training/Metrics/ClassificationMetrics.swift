import Foundation

/// How well probabilities meet the true classes.
public struct ClassificationMetrics: Codable, Equatable, Sendable {
  public struct PerClass: Codable, Equatable, Sendable {
    /// Part of the pictures called so that are so; 0 where none is called so.
    public var precision: Double
    /// Part of the pictures that are so that are called so; 0 where there are none.
    public var recall: Double
    /// Harmonic mean of both; 0 where both are.
    public var f1: Double
    /// Number of pictures that are so.
    public var support: Int
  }

  /// Pictures whose highest probability lies in a part of the range 0 to 1.
  public struct CalibrationBin: Codable, Equatable, Sendable {
    public var images: Int
    /// Mean of the highest probabilities; 0 without pictures.
    public var confidence: Double
    /// Part that was called right; 0 without pictures.
    public var accuracy: Double
  }

  public var images: Int
  public var accuracy: Double
  /// Mean over the classes that have pictures.
  public var macroRecall: Double
  /// Mean over the classes that have pictures.
  public var macroF1: Double
  /// Expected calibration error (Guo et al., arXiv 1706.04599): 15 bins of equal width over the confidence; the mean
  /// distance of a bin's accuracy and confidence, weighted by its pictures.
  public var ece: Double
  /// Mean negative logarithm of the true class's probability, which counts as 1e-12 where it is smaller.
  public var nll: Double
  /// In the order of the labels.
  public var perClass: [PerClass]
  /// Rows are the truth, columns what was called.
  public var confusion: [[Int]]
  /// What `ece` is made of: 15 bins of equal width.
  public var calibration: [CalibrationBin]

  static let binCount = 15

  /// - Parameters:
  ///   - probabilities: `[images, classes]`; what is no number counts as 0.
  ///   - truth: Positions of the true classes.
  public init(probabilities: [Float], truth: [Int], classes: Int) {
    precondition(classes > 0 && probabilities.count == truth.count * classes)
    images = truth.count
    confusion = Array(repeating: Array(repeating: 0, count: classes), count: classes)
    var binSizes = [Double](repeating: 0, count: Self.binCount)
    var binConfidence = binSizes
    var binHits = binSizes
    var logSum = 0.0
    for (index, label) in truth.enumerated() {
      let row = probabilities[index * classes..<(index + 1) * classes].map { $0.isFinite ? $0 : 0 }
      var best = row.startIndex
      for position in row.indices where row[position] > row[best] { best = position }
      let called = best - row.startIndex
      confusion[label][called] += 1
      logSum -= log(max(1e-12, Double(row[row.startIndex + label])))
      let confidence = Double(row[best])
      // A confidence on the border of two bins belongs to the lower one, as in the paper.
      let bin = min(Self.binCount - 1, max(0, Int((confidence * Double(Self.binCount)).rounded(.up)) - 1))
      binSizes[bin] += 1
      binConfidence[bin] += confidence
      binHits[bin] += called == label ? 1 : 0
    }
    let count = Double(max(1, truth.count))
    nll = logSum / count
    ece = zip(binHits, binConfidence).reduce(0) { $0 + abs($1.0 - $1.1) } / count
    calibration = (0..<Self.binCount).map { bin in
      let size = max(1, binSizes[bin])
      return CalibrationBin(
        images: Int(binSizes[bin]), confidence: binConfidence[bin] / size, accuracy: binHits[bin] / size)
    }
    perClass = Self.perClass(of: confusion)
    let confusion = confusion
    accuracy = Self.ratio((0..<classes).reduce(0) { $0 + confusion[$1][$1] }, truth.count)
    let present = perClass.filter { $0.support > 0 }
    macroRecall = present.reduce(0) { $0 + $1.recall } / Double(max(1, present.count))
    macroF1 = present.reduce(0) { $0 + $1.f1 } / Double(max(1, present.count))
  }

  /// What a confusion matrix says about each class.
  static func perClass(of confusion: [[Int]]) -> [PerClass] {
    confusion.indices.map { label in
      let support = confusion[label].reduce(0, +)
      let called = confusion.reduce(0) { $0 + $1[label] }
      let hits = confusion[label][label]
      return PerClass(
        precision: ratio(hits, called), recall: ratio(hits, support), f1: ratio(2 * hits, support + called),
        support: support)
    }
  }

  private static func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }
}
