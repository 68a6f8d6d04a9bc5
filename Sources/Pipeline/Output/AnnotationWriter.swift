/// Encodes lines into one reused buffer and hands each to a sink in one piece.
public final class AnnotationWriter {
  private var encoder: any AnnotationEncoder
  private let sink: any LineSink
  private var line = LineBuffer()

  public init(encoder: any AnnotationEncoder, sink: any LineSink) {
    self.encoder = encoder
    self.sink = sink
  }

  public func hello(_ header: StreamHeader) throws(OutputError) {
    line.removeAll()
    encoder.hello(header, into: &line)
    try send()
  }

  public func frame(_ annotation: FrameAnnotation) throws(OutputError) {
    line.removeAll()
    encoder.frame(annotation, into: &line)
    try send()
  }

  public func gap(_ gap: StreamGap) throws(OutputError) {
    line.removeAll()
    encoder.gap(gap, into: &line)
    try send()
  }

  public func end(_ summary: StreamSummary) throws(OutputError) {
    line.removeAll()
    encoder.end(summary, into: &line)
    try send()
  }

  private func send() throws(OutputError) {
    if !line.bytes.isEmpty { try sink.write(line) }
  }
}
