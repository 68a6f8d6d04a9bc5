import FaceCrop
import Pixels

/// The output lines of version 1 (`docs/output.schema.json`), field order fixed.
///
/// Written by hand because `JSONEncoder` fixes no order of keys, throws on NaN and takes over ten times as long.
public struct JSONLinesEncoder: AnnotationEncoder, Sendable {
  private var header: StreamHeader?
  /// `"angry":` for each label, escaped once.
  private var keys: [[UInt8]] = []
  /// `"angry"` likewise.
  private var names: [[UInt8]] = []

  public init() {}

  public mutating func hello(_ header: StreamHeader, into line: inout LineBuffer) {
    self.header = header
    names = header.labels.map { label in
      var text = LineBuffer()
      text.append(jsonString: label)
      return text.bytes
    }
    keys = names.map { $0 + [UInt8(ascii: ":")] }
    line.append(#"{"v":1,"type":"hello","ferd":"#)
    line.append(jsonString: header.version)
    line.append(#","source":"#)
    line.append(jsonString: header.source)
    line.append(#","width":"#)
    line.append(integer: header.width)
    line.append(#","height":"#)
    line.append(integer: header.height)
    line.append(#","labels":["#)
    for (index, name) in names.enumerated() {
      if index > 0 { line.append(",") }
      line.append(bytes: name)
    }
    line.append(#"],"model":"#)
    line.append(jsonString: header.model)
    line.append(#","bias":"#)
    // In full: whoever undoes the correction needs the very factors.
    appendObject(header.bias[...], to: &line) { $1.append(shortest: $0) }
    if header.temperature != 1 {
      line.append(#","temperature":"#)
      line.append(shortest: header.temperature)
    }
    if let policy = header.policy { append(policy, to: &line) }
    line.append("}\n")
  }

  private func append(_ policy: StreamPolicy, to line: inout LineBuffer) {
    func append(_ number: Int?) {
      if let number { line.append(integer: number) } else { line.append(#""auto""#) }
    }
    line.append(#","policy":{"frames":"#)
    line.append(jsonString: policy.frames.rawValue)
    line.append(#","detect_every":"#)
    append(policy.detectEvery)
    line.append(#","reclassify_every":"#)
    append(policy.reclassifyEvery)
    line.append("}")
  }

  public mutating func frame(_ annotation: FrameAnnotation, into line: inout LineBuffer) {
    guard let header else { preconditionFailure("a frame before its stream's hello") }
    line.append(#"{"v":1,"type":"frame","seq":"#)
    line.append(integer: annotation.sequence)
    line.append(#","pts_ns":"#)
    line.append(integer: Int(annotation.presentationTimeNanoseconds))
    if let wall = annotation.wallNanoseconds {
      line.append(#","wall":""#)
      line.append(utcNanoseconds: wall)
      line.append("\"")
    }
    line.append(annotation.status == .ok ? #","status":"ok""# : #","status":"damaged""#)
    if header.policy != nil {
      line.append(#","scan":"#)
      line.append(jsonString: annotation.scan.rawValue)
    }
    line.append(#","faces":["#)
    let count = header.labels.count
    for (index, face) in annotation.faces.enumerated() {
      if index > 0 { line.append(",") }
      let range = index * count..<(index + 1) * count
      append(face, scores: annotation.scores[range], raw: annotation.raw[range], header: header, to: &line)
    }
    line.append("]}\n")
  }

  public mutating func gap(_ gap: StreamGap, into line: inout LineBuffer) {
    line.append(#"{"v":1,"type":"gap","seq_from":"#)
    line.append(integer: gap.firstSequence)
    line.append(#","seq_to":"#)
    line.append(integer: gap.lastSequence)
    line.append(#","reason":"#)
    line.append(jsonString: gap.reason)
    line.append("}\n")
  }

  public mutating func end(_ summary: StreamSummary, into line: inout LineBuffer) {
    line.append(#"{"v":1,"type":"end","frames":"#)
    line.append(integer: summary.frames)
    line.append(#","faces":"#)
    line.append(integer: summary.faces)
    line.append(#","decode_errors":"#)
    line.append(integer: summary.decodeErrors)
    line.append(#","dropped":"#)
    line.append(integer: summary.dropped)
    line.append(#","reason":"#)
    line.append(jsonString: summary.reason.rawValue)
    line.append("}\n")
  }

  private func append(
    _ face: FaceAnnotation, scores: ArraySlice<Float>, raw: ArraySlice<Float>, header: StreamHeader,
    to line: inout LineBuffer
  ) {
    let box = PrintedBox(face.box, pictureWidth: header.width, pictureHeight: header.height)
    line.append(#"{"track":"#)
    line.append(integer: face.track)
    line.append(#","box":{"x":"#)
    line.append(integer: box.x)
    line.append(#","y":"#)
    line.append(integer: box.y)
    line.append(#","w":"#)
    line.append(integer: box.width)
    line.append(#","h":"#)
    line.append(integer: box.height)
    line.append(#"},"det":"#)
    line.append(decimal: face.detectionScore)
    line.append(#","landmarks":["#)
    if let landmarks = face.landmarks {
      append(landmarks.rightEye, to: &line)
      line.append(",")
      append(landmarks.leftEye, to: &line)
      line.append(",")
      append(landmarks.nose, to: &line)
      line.append(",")
      append(landmarks.rightMouthCorner, to: &line)
      line.append(",")
      append(landmarks.leftMouthCorner, to: &line)
    }
    line.append(#"],"emotion":"#)
    let emotion = indexOfLargest(scores)
    line.append(bytes: names[emotion])
    line.append(#","confidence":"#)
    line.append(decimal: scores[scores.startIndex + emotion])
    line.append(#","scores":"#)
    appendObject(scores, to: &line) { $1.append(decimal: $0) }
    line.append(#","raw":"#)
    appendObject(raw, to: &line) { $1.append(decimal: $0) }
    if header.policy != nil {
      line.append(#","raw_seq":"#)
      line.append(integer: face.classifiedSequence)
    }
    line.append("}")
  }

  private func append(_ point: Point, to line: inout LineBuffer) {
    line.append("[")
    line.append(integer: wholePixel(point.x))
    line.append(",")
    line.append(integer: wholePixel(point.y))
    line.append("]")
  }

  /// One value for each label.
  private func appendObject(
    _ values: ArraySlice<Float>, to line: inout LineBuffer, append: (Float, inout LineBuffer) -> Void
  ) {
    line.append("{")
    for (index, value) in values.enumerated() {
      if index > 0 { line.append(",") }
      line.append(bytes: keys[index])
      append(value, &line)
    }
    line.append("}")
  }
}
