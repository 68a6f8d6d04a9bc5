import Foundation
import Inference
import Pipeline
import Training

/// What factors do to one picture: `ferd tune-bias --test`.
struct BiasPreview {
  let correction: BiasCorrection
  let labels: [String]

  /// One JSON object, as docs/bias-test.schema.json describes it.
  func line(image: String, _ picture: PictureScoring.Picture) -> String {
    let described = picture.faces.enumerated().map { index, face -> OrderedJSON in
      let raw = picture.scores[index]
      let box = face.box.clipped(width: picture.width, height: picture.height)
      return .object([
        (
          "box",
          .object([
            ("x", .integer(Int(box.x.rounded()))), ("y", .integer(Int(box.y.rounded()))),
            ("w", .integer(max(1, Int(box.width.rounded())))), ("h", .integer(max(1, Int(box.height.rounded())))),
          ])
        ),
        ("before", answer(raw)), ("after", answer(correction.corrected(raw))),
      ])
    }
    return OrderedJSON.object([
      ("v", .integer(1)), ("image", .string(image)),
      ("factors", .numbers(labels, correction.factors.map(Self.decimal))),
      ("temperature", .number(Self.decimal(correction.temperature))), ("faces", .array(described)),
    ]).text(isPretty: false)
  }

  /// The same for people, one line for each face.
  func notes(image: String, _ picture: PictureScoring.Picture) -> [String] {
    guard !picture.faces.isEmpty else { return ["\(image): no face"] }
    return picture.scores.enumerated().map { index, raw in
      let name = picture.faces.count == 1 ? image : "\(image), face \(index + 1)"
      return "\(name): before \(spoken(raw)); after \(spoken(correction.corrected(raw)))"
    }
  }

  private func spoken(_ scores: [Float]) -> String {
    let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
    return order.prefix(3).map { "\(labels[$0]) \(String(format: "%.1f", scores[$0] * 100)) %" }
      .joined(separator: ", ")
  }

  private func answer(_ scores: [Float]) -> OrderedJSON {
    var best = 0
    for index in scores.indices where scores[index] > scores[best] { best = index }
    return .object([
      ("emotion", .string(labels[best])), ("confidence", .number(Self.rounded(scores[best]))),
      ("scores", .numbers(labels, scores.map(Self.rounded))),
    ])
  }

  private static func rounded(_ value: Float) -> Double { (Double(value) * 1e6).rounded() / 1e6 }

  /// 1.1 and not 1.10000002.
  private static func decimal(_ value: Float) -> Double { Double(value.description) ?? Double(value) }
}
