import Pixels

/// Turns what is known of a stream into lines. A stream is one `hello`, its frames and gaps in order, one `end`.
public protocol AnnotationEncoder {
  /// Appends what stands before the first frame; may be nothing.
  mutating func hello(_ header: StreamHeader, into line: inout LineBuffer)
  /// Appends one frame; must follow its stream's `hello`.
  mutating func frame(_ annotation: FrameAnnotation, into line: inout LineBuffer)
  mutating func gap(_ gap: StreamGap, into line: inout LineBuffer)
  mutating func end(_ summary: StreamSummary, into line: inout LineBuffer)
}

/// The forms in which results can be written.
public enum OutputFormat: String, CaseIterable, Sendable {
  /// JSON Lines, `docs/output.schema.json`.
  case jsonl
  case csv

  public func makeEncoder() -> any AnnotationEncoder {
    switch self {
    case .jsonl: JSONLinesEncoder()
    case .csv: CSVEncoder()
    }
  }
}

/// A box as it is printed: whole pixels, inside the picture, at least one pixel large.
struct PrintedBox: Equatable {
  var x: Int
  var y: Int
  var width: Int
  var height: Int

  init(_ box: Rect, pictureWidth: Int, pictureHeight: Int) {
    func span(_ from: Float, _ to: Float, limit: Int) -> (start: Int, length: Int) {
      let start = wholePixel(from).clamped(to: 0...max(0, limit - 1))
      let end = wholePixel(to).clamped(to: start + 1...max(start + 1, limit))
      return (start, end - start)
    }
    (x, width) = span(box.x, box.maxX, limit: pictureWidth)
    (y, height) = span(box.y, box.maxY, limit: pictureHeight)
  }
}

/// The nearest whole number, whatever comes: 0 for what is not finite, ±1e9 beyond that.
func wholePixel(_ value: Float) -> Int {
  value.isFinite ? Int(value.clamped(to: -1e9...1e9).rounded()) : 0
}

/// Index of the largest value; the first of equals.
func indexOfLargest(_ values: ArraySlice<Float>) -> Int {
  var best = values.startIndex
  for index in values.indices where values[index] > values[best] { best = index }
  return best - values.startIndex
}
