import FaceCrop
import Pixels

/// RFC 4180: a header, then one row for each face and one with empty face columns for a frame without faces.
///
/// The fields are those of the JSON lines, flattened, behind a `source` column that tells several streams apart.
/// One header serves all streams with the same labels. A table has no place for `end`; its errors are told on
/// standard error.
public struct CSVEncoder: AnnotationEncoder, Sendable {
  private static let landmarkNames = [
    "right_eye", "left_eye", "nose", "right_mouth_corner", "left_mouth_corner",
  ]

  private var header: StreamHeader?
  /// The stream's `source,` field, quoted once.
  private var source: [UInt8] = []
  private var names: [[UInt8]] = []
  private var emptyFace: [UInt8] = []

  public init() {}

  public mutating func hello(_ header: StreamHeader, into line: inout LineBuffer) {
    let needsHeader = self.header?.labels != header.labels
    self.header = header
    source = Self.field(header.source) + [UInt8(ascii: ",")]
    names = header.labels.map(Self.field)
    let columns = Self.faceColumns(labels: header.labels)
    emptyFace = [UInt8](repeating: UInt8(ascii: ","), count: columns.count)
    guard needsHeader else { return }
    line.append("source,seq,pts_ns,status")
    for column in columns {
      line.append(",")
      line.append(csvField: column)
    }
    line.append("\r\n")
  }

  public mutating func frame(_ annotation: FrameAnnotation, into line: inout LineBuffer) {
    guard let header else { preconditionFailure("a frame before its stream's hello") }
    guard !annotation.faces.isEmpty else {
      appendStart(annotation, to: &line)
      line.append(bytes: emptyFace)
      line.append("\r\n")
      return
    }
    let count = header.labels.count
    for (index, face) in annotation.faces.enumerated() {
      let range = index * count..<(index + 1) * count
      appendStart(annotation, to: &line)
      append(face, scores: annotation.scores[range], raw: annotation.raw[range], header: header, to: &line)
      line.append("\r\n")
    }
  }

  public mutating func gap(_ gap: StreamGap, into line: inout LineBuffer) {}

  public mutating func end(_ summary: StreamSummary, into line: inout LineBuffer) {}

  private static func faceColumns(labels: [String]) -> [String] {
    ["track", "box_x", "box_y", "box_w", "box_h", "det"]
      + landmarkNames.flatMap { ["\($0)_x", "\($0)_y"] } + ["emotion", "confidence"]
      + labels.map { "scores_\($0)" } + labels.map { "raw_\($0)" }
  }

  private static func field(_ text: String) -> [UInt8] {
    var line = LineBuffer()
    line.append(csvField: text)
    return line.bytes
  }

  private func appendStart(_ annotation: FrameAnnotation, to line: inout LineBuffer) {
    line.append(bytes: source)
    line.append(integer: annotation.sequence)
    line.append(",")
    line.append(integer: Int(annotation.presentationTimeNanoseconds))
    line.append(annotation.status == .ok ? ",ok" : ",damaged")
  }

  private func append(
    _ face: FaceAnnotation, scores: ArraySlice<Float>, raw: ArraySlice<Float>, header: StreamHeader,
    to line: inout LineBuffer
  ) {
    func append(_ value: Int) {
      line.append(",")
      line.append(integer: value)
    }
    func append(_ point: Point?) {
      guard let point else { return line.append(",,") }
      append(wholePixel(point.x))
      append(wholePixel(point.y))
    }
    func append(_ value: Float) {
      line.append(",")
      line.append(decimal: value)
    }
    let box = PrintedBox(face.box, pictureWidth: header.width, pictureHeight: header.height)
    append(face.track)
    append(box.x)
    append(box.y)
    append(box.width)
    append(box.height)
    append(face.detectionScore)
    append(face.landmarks?.rightEye)
    append(face.landmarks?.leftEye)
    append(face.landmarks?.nose)
    append(face.landmarks?.rightMouthCorner)
    append(face.landmarks?.leftMouthCorner)
    let emotion = indexOfLargest(scores)
    line.append(",")
    line.append(bytes: names[emotion])
    append(scores[scores.startIndex + emotion])
    for score in scores { append(score) }
    for score in raw { append(score) }
  }
}
