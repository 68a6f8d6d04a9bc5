import Capture
import FaceCrop
import Foundation
import Inference
import Pixels
import Synchronization
import Testing

@testable import Pipeline

/// Finds as many faces as the first sample of the picture says, so that a face tells which frame it came from.
private final class CountingFinder: FaceFinder {
  var failsAtFrame = Int.max
  private var frames = 0

  func beginStream(isStillPicture: Bool, frameRate: Double?) { frames = 0 }

  func findFaces(in luma: LumaPlane, timeNanoseconds: Int64, into faces: inout [FaceAnnotation]) throws {
    if frames == failsAtFrame { throw StepFailure() }
    frames += 1
    // Unequal times, so that the steps overtake each other if anything lets them.
    if frames % 7 == 0 { usleep(2_000) }
    for track in 0..<Int(luma.base[0]) / 16 {
      faces.append(
        FaceAnnotation(
          track: track + 1, box: Rect(x: 0, y: 0, width: 1, height: 1), detectionScore: 1, landmarks: nil))
    }
  }
}

private struct StepFailure: Error {}

private final class SteadyClassifier: FaceClassifier {
  let labels = ["a", "b"]
  let bias = try! BiasCorrection(["a": 3], labels: ["a", "b"])
  /// Probability of "a", by the number of the call.
  var probability: (Int) -> Float = { _ in 0.5 }
  private var calls = 0

  func classify(_ faces: [FaceAnnotation], in luma: LumaPlane, into probabilities: inout [Float]) throws {
    // Unequal times, so that several of these overtake each other.
    if faces.count % 3 == 1 { usleep(3_000) }
    for _ in faces {
      probabilities += [probability(calls), 1 - probability(calls)]
      calls += 1
    }
  }
}

private final class CollectingSink: LineSink {
  private(set) var lines: [String] = []
  /// The reader goes away instead of taking this line.
  var goesAwayAt = Int.max

  func write(_ line: LineBuffer) throws(OutputError) {
    if lines.count == goesAwayAt { throw .readerGone }
    lines.append(String(decoding: line.bytes, as: UTF8.self))
  }

  func objects(ofType type: String) -> [[String: Any]] {
    lines.compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
      .filter { $0["type"] as? String == type }
  }
}

struct AnnotationPipelineTests {
  private func header(_ source: any FrameSource, _ classifier: SteadyClassifier) -> StreamHeader {
    StreamHeader(
      version: "0", source: "clip", width: source.info.width, height: source.info.height, labels: classifier.labels,
      model: "m", bias: classifier.bias.factors)
  }

  /// A lossless clip in whose frame n every sample is 16·(n mod 8).
  private func withClip(frames: Int, _ body: (String) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let path = folder.appending(path: "clip.mkv").path
      var options = VideoWriterOptions()
      options.codec = "ffv1"
      options.pixelFormat = "gray"
      options.range = .full
      let writer = try VideoWriter(path: path, width: 64, height: 48, options: options)
      for number in 0..<frames {
        try writer.append(LumaImage(width: 64, height: 48, filledWith: UInt8(16 * (number % 8))))
      }
      try writer.finish()
      try body(path)
    }
  }

  private func run(
    _ path: String, finder: CountingFinder = CountingFinder(),
    classifiers: [SteadyClassifier] = [SteadyClassifier()],
    sink: CollectingSink, smoothing: Double = 0, reclassifyEvery: Int = 1,
    onFrame: (Int, CaptureCancellation) -> Void = { _, _ in }
  ) throws -> AnnotationPipeline.Outcome {
    let cancellation = CaptureCancellation()
    let source = try openSource(path, options: SourceOptions(cancellation: cancellation))
    let pipeline = AnnotationPipeline(
      finder: finder, classifiers: classifiers, reclassifyEvery: reclassifyEvery, smoothingSeconds: smoothing,
      cancellation: cancellation)
    return try pipeline.run(
      source: source, header: header(source, classifiers[0]),
      writer: AnnotationWriter(encoder: JSONLinesEncoder(), sink: sink),
      onFrame: { onFrame($0, cancellation) })
  }

  @Test(arguments: [(1, 1), (2, 1), (5, 1), (1, 4), (3, 4)])
  func losesNoFrameAndKeepsTheOrder(classifiers: Int, reclassifyEvery: Int) throws {
    try withClip(frames: 200) { path in
      let sink = CollectingSink()
      let outcome = try run(
        path, classifiers: (0..<classifiers).map { _ in SteadyClassifier() }, sink: sink,
        reclassifyEvery: reclassifyEvery)
      let frames = sink.objects(ofType: "frame")
      #expect(frames.compactMap { $0["seq"] as? Int } == Array(0..<200))
      #expect(frames.compactMap { ($0["faces"] as? [Any])?.count } == (0..<200).map { $0 % 8 })
      #expect(sink.objects(ofType: "hello").count == 1 && sink.lines.count == 202)
      #expect(outcome.summary.frames == 200 && outcome.summary.faces == 25 * 28)
      #expect(outcome.summary.reason == .endOfInput && outcome.summary.decodeErrors == 0)
      #expect(
        sink.lines.last
          == #"{"v":1,"type":"end","frames":200,"faces":700,"decode_errors":0,"dropped":0,"reason":"eof"}"# + "\n")
    }
  }

  @Test(arguments: [(1, 1, 8), (3840, 2160, 8), (7680, 4320, 8), (16384, 8192, 2), (16384, 16384, 2)])
  func keepsFewFramesUnderWayWhereTheyAreHuge(width: Int, height: Int, count: Int) {
    #expect(AnnotationPipeline.frameCount(classifiers: 1, pixels: width * height) == count)
  }

  @Test func correctsAndSmoothsScoresButNotRawOnes() throws {
    try withClip(frames: 2 * 8) { path in
      let classifier = SteadyClassifier()
      // Frame 1 has the only face numbered 0 before frame 2's two: calls 0, 1, 2, …; track 1 is call 0, 1, 3, 6.
      classifier.probability = { $0 == 0 ? 1 : 0 }
      let sink = CollectingSink()
      _ = try run(path, classifiers: [classifier], sink: sink, smoothing: 0.1)
      let frames = sink.objects(ofType: "frame")
      func score(_ frame: Int, _ key: String) -> Double? {
        ((frames[frame]["faces"] as? [[String: Any]])?.first?[key] as? [String: Double])?["a"]
      }
      #expect(score(1, "raw") == 1 && score(1, "scores") == 1)
      let smoothed = exp(-0.04 / 0.1)
      let corrected = 3 * smoothed / (3 * smoothed + 1 - smoothed)
      #expect(score(2, "raw") == 0)
      #expect(abs(try #require(score(2, "scores")) - corrected) < 1e-3)
    }
  }

  @Test func neverSmoothsPictures() throws {
    try withTemporaryFolder { folder in
      let path = folder.appending(path: "picture.png").path
      try writePicture(LumaImage(width: 20, height: 10, filledWith: 32), to: path)
      let sink = CollectingSink()
      let classifier = SteadyClassifier()
      let outcome = try run(path, classifiers: [classifier], sink: sink, smoothing: 5)
      #expect(outcome.summary.frames == 1 && outcome.summary.faces == 2 && sink.lines.count == 3)
      let faces = try #require(sink.objects(ofType: "frame").first?["faces"] as? [[String: Any]])
      #expect(faces.compactMap { ($0["scores"] as? [String: Double])?["a"] } == [0.75, 0.75])
    }
  }

  @Test(arguments: [1, 5, 30])
  func stopsWhenTheReaderGoesAway(line: Int) throws {
    try withClip(frames: 60) { path in
      let sink = CollectingSink()
      sink.goesAwayAt = line
      #expect(throws: OutputError.readerGone) { try run(path, sink: sink) }
      #expect(sink.lines.count == line)
    }
  }

  @Test func endsCleanlyOnCancellation() throws {
    try withClip(frames: 400) { path in
      let sink = CollectingSink()
      let outcome = try run(path, sink: sink) { count, cancellation in
        if count == 20 { cancellation.cancel() }
      }
      #expect(outcome.summary.reason == .signal)
      #expect(20...20 + AnnotationPipeline.frameCount(classifiers: 1, pixels: 64 * 48) ~= outcome.summary.frames)
      #expect(sink.objects(ofType: "frame").compactMap { $0["seq"] as? Int } == Array(0..<outcome.summary.frames))
      #expect(sink.objects(ofType: "end").first?["reason"] as? String == "signal")
    }
  }

  @Test func reportsAStepThatFails() throws {
    try withClip(frames: 60) { path in
      let sink = CollectingSink()
      let finder = CountingFinder()
      finder.failsAtFrame = 17
      #expect(throws: StepFailure.self) { try run(path, finder: finder, sink: sink) }
      #expect(sink.objects(ofType: "frame").compactMap { $0["seq"] as? Int } == Array(0..<17))
    }
  }

  @Test func tellsTheGoodFramesOfATruncatedFile() throws {
    try withClip(frames: 100) { path in
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      let cut = path + ".cut.mkv"
      try data.prefix(data.count * 2 / 3).write(to: URL(fileURLWithPath: cut))
      let sink = CollectingSink()
      let outcome = try run(cut, sink: sink)
      #expect(30...90 ~= outcome.summary.frames)
      #expect(sink.objects(ofType: "end").count == 1)
    }
  }
}
