import Inference

/// Colours of a report: one for each class, the same in every picture of every report.
///
/// After Okabe and Ito, "Color Universal Design" (2008): distinguishable with any kind of colour vision, and visible on
/// white and on black. Their yellow and black are not, so grey takes a place.
enum ReportPalette {
  /// For what belongs to no class.
  static let accent = "#3F7F93"
  static let second = "#B5651D"
  static let grey = "#7F7F7F"

  private static let colours = ["#D55E00", "#009E73", "#CC79A7", "#E69F00", "#0072B2", "#56B4E9", "#7F7F7F"]
  /// The seven emotions in the order of `colours`.
  private static let emotions = ClassLabels.emotions.names

  /// One for each label. The seven emotions have theirs in whatever order and spelling; other sets of classes take
  /// them in turn.
  static func colours(for labels: [String]) -> [String] {
    let positions = labels.map { EmotionLabel.index(of: $0, in: emotions) }
    let known = positions.compactMap { $0 }
    let areEmotions = known.count == labels.count && Set(known).count == labels.count
    return labels.indices.map { colours[areEmotions ? positions[$0]! : $0 % colours.count] }
  }

  /// Strength of colour of the bars that share a place, most important first.
  static func strength(_ index: Int, of count: Int) -> Double {
    count < 2 ? 1 : 1 - 0.7 * Double(index) / Double(count - 1)
  }
}
