import Foundation

/// The objective of many sets of factors on the same pictures.
struct BiasEvaluator: Sendable {
  let classes: Int
  let count: Int
  let objective: BiasObjective
  private let searchedCount: Int
  /// Normalised weights in the order of `Term.allCases`.
  private let weights: [Double]
  private let target: [Double]
  /// `[classes, pictures]`, sorted by true class; those of unknown class come last.
  let columns: [Float]
  /// Logarithms of the same, where the objective needs them.
  private let logarithms: [Float]
  /// Where each true class begins; the last group is of unknown class, where there are such pictures.
  let groups: [Int]

  init(_ scores: BiasScores, settings: BiasSearchSettings) {
    classes = scores.labels.count
    count = scores.count
    objective = settings.objective
    searchedCount = settings.searchedClasses.count
    let total = objective.weights.values.reduce(0, +)
    weights = BiasObjective.Term.allCases.map { [objective] in (objective.weights[$0] ?? 0) / total }
    target = objective.targetDistribution ?? [Double](repeating: 1 / Double(classes), count: classes)
    let classes = classes
    let order = (0..<scores.count).sorted {
      (scores.truth[$0] ?? classes, $0) < (scores.truth[$1] ?? classes, $1)
    }
    var columns = [Float](repeating: 0, count: scores.count * classes)
    for (position, picture) in order.enumerated() {
      for column in 0..<classes {
        columns[column * scores.count + position] = scores.probabilities[picture * classes + column]
      }
    }
    self.columns = columns
    let needsLogarithms = settings.searchesTemperature || objective.weights[.nll, default: 0] > 0
    logarithms = needsLogarithms ? columns.map { logf(max(1e-12, $0)) } : []
    var sizes = [Int](repeating: 0, count: classes + 1)
    for label in scores.truth { sizes[label ?? classes] += 1 }
    if sizes[classes] == 0 { sizes.removeLast() }
    groups = sizes.reduce(into: [0]) { $0.append($0.last! + $1) }
  }

  private func weight(_ term: BiasObjective.Term) -> Double {
    weights[BiasObjective.Term.allCases.firstIndex(of: term)!]
  }

  /// Rows of a confusion matrix: the classes, and unknown truth where there is such.
  var groupCount: Int { groups.count - 1 }

  /// What the search makes large: the objective less the regularisation.
  ///
  /// - Parameter logFactors: ln b, `[sets, classes]`.
  func values(logFactors: [[Double]], temperatures: [Double]) -> [Double] {
    let objectives = objectives(logFactors: logFactors, temperatures: temperatures)
    return zip(objectives, logFactors).map { value, factors in value - penalty(factors) }
  }

  func penalty(_ logFactors: [Double]) -> Double {
    objective.regularisation * logFactors.reduce(0) { $0 + $1 * $1 } / Double(searchedCount)
  }

  /// The objective alone.
  func objectives(logFactors: [[Double]], temperatures: [Double]) -> [Double] {
    var values: [Double] = []
    values.reserveCapacity(logFactors.count)
    let size = groupCount * classes
    // So many confusion matrices stay in the first cache.
    for start in stride(from: 0, to: logFactors.count, by: 64) {
      let range = start..<min(logFactors.count, start + 64)
      let flat = logFactors[range].flatMap { $0.map { Float($0) } }
      // p^(1/T) * b has the order of p * b^T.
      var factors = [Float](repeating: 0, count: flat.count)
      for (index, set) in range.enumerated() {
        for column in 0..<classes {
          factors[index * classes + column] = Float(exp(logFactors[set][column] * temperatures[set]))
        }
      }
      var confusion = [Int32](repeating: 0, count: range.count * size)
      BiasKernels.confusion(
        columns: columns, groups: groups, classes: classes, factors: factors, into: &confusion)
      let likelihoods =
        weight(.nll) > 0
        ? BiasKernels.likelihood(
          logarithms: logarithms, groups: groups, classes: classes, logFactors: flat,
          powers: temperatures[range].map { Float(1 / $0) })
        : [Double](repeating: 0, count: range.count)
      confusion.withUnsafeBufferPointer { confusion in
        for index in 0..<range.count {
          values.append(
            value(
              confusion: UnsafeBufferPointer(rebasing: confusion[index * size..<(index + 1) * size]),
              negativeLogLikelihood: likelihoods[index] / Double(count)))
        }
      }
    }
    return values
  }

  /// Mean of -ln of the true class's probability; only with an objective or settings that ask for it.
  func negativeLogLikelihood(logFactors: [Double], temperature: Double) -> Double {
    BiasKernels.likelihood(
      logarithms: logarithms, groups: groups, classes: classes, logFactors: logFactors.map { Float($0) },
      powers: [Float(1 / temperature)])[0] / Double(count)
  }

  /// The objective from what it depends on.
  ///
  /// - Parameter confusion: `[groups, classes]`: rows are the truth, columns what was called.
  func value(confusion: UnsafeBufferPointer<Int32>, negativeLogLikelihood: Double) -> Double {
    var recallSum = 0.0
    var f1Sum = 0.0
    var present = 0.0
    var hitSum = 0.0
    var distance = 0.0
    var total = 0.0
    let needsColumns = weight(.macroF1) > 0 || weight(.distribution) > 0
    for label in 0..<classes {
      var support = 0.0
      for column in 0..<classes { support += Double(confusion[label * classes + column]) }
      let hits = Double(confusion[label * classes + label])
      var called = 0.0
      if needsColumns {
        for row in 0..<groupCount { called += Double(confusion[row * classes + label]) }
      }
      if support > 0 {
        present += 1
        recallSum += hits / support
        f1Sum += 2 * hits / (support + called)
      }
      hitSum += hits
      total += support
      distance += abs(called / Double(count) - target[label])
    }
    return weight(.macroRecall) * recallSum / max(1, present)
      + weight(.macroF1) * f1Sum / max(1, present)
      + weight(.accuracy) * hitSum / max(1, total)
      - weight(.nll) * negativeLogLikelihood
      + weight(.distribution) * (1 - distance / 2)
  }
}
