import Capture
import Foundation
import Testing
import Threads

@testable import Pipeline

struct LivePipelineTests {
  /// One stream with stand-ins for everything slow.
  private final class Stage: Sendable {
    let cancellation = CaptureCancellation()
    let metrics = StreamMetrics(version: "test")
    let output: LineCollector
    let pipeline: LivePipeline

    init(
      _ models: LiveModels = Stage.models(), settings: LiveSettings = LiveSettings(),
      onLine: @escaping @Sendable (BroadcastLine, CaptureCancellation) -> Void = { _, _ in }
    ) {
      let cancellation = cancellation
      output = LineCollector { onLine($0, cancellation) }
      pipeline = LivePipeline(models: models, settings: settings, metrics: metrics, cancellation: cancellation)
    }

    static func models(
      _ finder: SlowFinder = SlowFinder(), classifiers: Int = 1, milliseconds: Double = 0, bias: Float = 1,
      labels: [String] = ["a", "b"]
    ) -> LiveModels {
      LiveModels(
        finder: finder,
        classifiers: (0..<classifiers).map { _ in
          SlowClassifier(labels: labels, bias: bias, milliseconds: milliseconds)
        },
        modelName: "m")
    }

    func run(_ scripts: ClockedCamera.Script...) throws -> AnnotationPipeline.Outcome {
      let rest = Guarded(scripts)
      let cancellation = cancellation
      return try pipeline.run(
        identity: LivePipeline.Identity(version: "0", source: "camera"), output: output
      ) { () throws(CaptureError) in
        ClockedCamera(rest.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }, cancellation: cancellation)
      }
    }

    func metric(_ name: String) -> Int? {
      String(decoding: metrics.render(), as: UTF8.self).split(separator: "\n")
        .first { $0.hasPrefix(name + " ") }.flatMap { Int($0.dropFirst(name.count + 1)) }
    }
  }

  @Test(arguments: [1, 3])
  func everyFrameHasItsLineWhereThereIsTime(classifiers: Int) throws {
    let stage = Stage(Stage.models(classifiers: classifiers))
    let outcome = try stage.run(ClockedCamera.Script(frames: 40, period: 20))
    let frames = stage.output.objects(.frame)
    #expect(frames.compactMap { $0["seq"] as? Int } == Array(0..<40))
    #expect(frames.compactMap { $0["pts_ns"] as? Int } == (0..<40).map { $0 * 20_000_000 })
    #expect(stage.output.lines.first?.kind == .hello && stage.output.lines.last?.kind == .end)
    #expect(stage.output.lines.count == 42)
    #expect(outcome.summary.frames == 40 && outcome.summary.faces == 40 && outcome.summary.dropped == 0)
    #expect(outcome.summary.reason == .endOfInput)
    #expect(stage.metric("ferd_frames_total") == 40 && stage.metric("ferd_frames_skipped_total") == 0)
    let wall = try #require(frames[0]["wall"] as? String)
    let format = ISO8601DateFormatter()
    format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
    #expect(abs(try #require(format.date(from: wall)).timeIntervalSinceNow) < 60)
  }

  @Test(arguments: [(12.0, 0.0, 1), (0, 25, 2)])
  func framesForWhichThereIsNoTimeAreSkippedAndTold(find: Double, classify: Double, classifiers: Int) throws {
    let finder = SlowFinder()
    finder.milliseconds = find
    let stage = Stage(
      Stage.models(finder, classifiers: classifiers, milliseconds: classify),
      settings: LiveSettings(reclassifyEvery: 1, processors: 2))
    let outcome = try stage.run(ClockedCamera.Script(frames: 200, period: 5))
    #expect(stage.output.numbers == Array(0..<200))
    #expect(outcome.summary.frames + outcome.summary.dropped == 200)
    #expect(outcome.summary.frames >= 5 && outcome.summary.dropped >= 60)
    #expect(Set(stage.output.objects(.gap).compactMap { $0["reason"] as? String }) == ["overload"])
    #expect(stage.metric("ferd_frames_skipped_total") == outcome.summary.dropped)
    // No line is later at the end than at the beginning: one frame in each step's hand, and the time that they take.
    let lines = stage.output.lines
    let start = stage.output.times[0]
    for (line, time) in zip(lines, stage.output.times) where line.kind == .frame {
      #expect(time - start - Int64(line.sequence) * 5_000_000 < 1_000_000_000)
    }
  }

  @Test func aRecordingLosesNothingHoweverSlowItsReader() throws {
    let stage = Stage { line, _ in if line.sequence % 10 == 3 { usleep(20_000) } }
    let outcome = try stage.run(ClockedCamera.Script(frames: 100, isLive: false))
    #expect(stage.output.numbers == Array(0..<100) && outcome.summary.frames == 100)
    #expect(stage.output.objects(.frame).allSatisfy { $0["wall"] == nil })
    #expect((stage.output.objects(.hello)[0]["policy"] as? [String: Any])?["frames"] as? String == "every")
  }

  @Test func whatTheSourceLosesIsTold() throws {
    let finder = SlowFinder()
    let stage = Stage(Stage.models(finder))
    let gone = CaptureError(.deviceUnavailable, input: "camera", "unplugged")
    let outcome = try stage.run(
      ClockedCamera.Script(frames: 30, period: 10, lost: [7, 8, 20], failure: gone),
      ClockedCamera.Script(frames: 10, period: 10))
    let numbers = stage.output.numbers
    #expect(numbers == Array(0..<numbers.count) && numbers.count > 55)
    let gaps = stage.output.objects(.gap)
    #expect(gaps.compactMap { $0["reason"] as? String } == ["dropped", "dropped", "reconnect", "reconnect"])
    #expect(gaps.compactMap { $0["seq_from"] as? Int }.prefix(4) == [7, 20, 30, 31])
    #expect(outcome.summary.frames == 37 && outcome.summary.frames + outcome.summary.dropped == numbers.count)
    // Told at once, not when the source is back.
    let lines = stage.output.lines
    let lost = lines.firstIndex { $0.kind == .gap && $0.firstSequence == 30 }!
    #expect(stage.output.times[lost] + 100_000_000 < stage.output.times[lost + 1])
    // Faces need not be where they were, and no number is used twice.
    #expect(finder.forgottenCount == 1)
    let tracks = stage.output.objects(.frame).compactMap { ($0["faces"] as? [[String: Any]])?[0]["track"] as? Int }
    #expect(tracks == Array(repeating: 1, count: 27) + Array(repeating: 2, count: 10))
    #expect(stage.metric("ferd_source_reconnects_total") == 1)
    let times = stage.output.objects(.frame).compactMap { $0["pts_ns"] as? Int }
    #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test func aSourceThatComesBackWithoutAFrameIsOneLoss() throws {
    let stage = Stage()
    let gone = CaptureError(.deviceUnavailable, input: "camera", "unplugged")
    let outcome = try stage.run(
      ClockedCamera.Script(frames: 5, failure: gone), ClockedCamera.Script(frames: 0, failure: gone),
      ClockedCamera.Script(frames: 0, failure: gone), ClockedCamera.Script(frames: 3))
    let numbers = stage.output.numbers
    #expect(numbers == Array(0..<numbers.count) && outcome.summary.frames == 8)
    #expect(stage.output.objects(.gap).allSatisfy { $0["reason"] as? String == "reconnect" })
    #expect(stage.metric("ferd_frames_dropped_total") == outcome.summary.dropped)
  }

  @Test(arguments: [["a", "b"], ["a", "b", "c"]])
  func modelsAreReplacedBetweenTwoFrames(labels: [String]) throws {
    let replacement = Guarded<Stage?>(nil)
    let stage = Stage { line, _ in
      guard line.kind == .frame, line.sequence == 19, let stage = replacement.withLock({ $0 }) else { return }
      try! stage.pipeline.replace(models: Stage.models(bias: 3, labels: labels))
    }
    replacement.withLock { $0 = stage }
    _ = try stage.run(ClockedCamera.Script(frames: 60, isLive: false))
    replacement.withLock { $0 = nil }
    #expect(stage.output.numbers == Array(0..<60))
    let kinds = stage.output.lines.map(\.kind)
    #expect(kinds.count { $0 == .hello } == 2)
    let second = try #require(kinds.lastIndex(of: .hello))
    #expect(20...25 ~= stage.output.lines[second + 1].sequence)
    let faces = stage.output.objects(.frame).compactMap { ($0["faces"] as? [[String: Any]])?[0] }
    #expect(faces.compactMap { $0["track"] as? Int } == Array(repeating: 1, count: 60))
    let scores = faces.compactMap { ($0["scores"] as? [String: Double])?["a"] }
    #expect(scores[0] == 0.5 && abs(scores[59] - 3 / Double(labels.count + 2)) < 1e-3)
    #expect((faces[59]["scores"] as? [String: Double])?.count == labels.count)
    let hellos = stage.output.objects(.hello)
    #expect((hellos[1]["bias"] as? [String: Double])?["a"] == 3)
  }

  @Test func endsOnASignal() throws {
    let stage = Stage { line, cancellation in if line.sequence == 20 { cancellation.cancel() } }
    let outcome = try stage.run(ClockedCamera.Script(frames: 100_000, period: 5))
    #expect(outcome.summary.reason == .signal)
    #expect(stage.output.objects(.end).first?["reason"] as? String == "signal")
    #expect(stage.output.numbers == Array(0..<stage.output.numbers.count))
  }

  @Test func endsInTimeThoughTheSourceHangs() throws {
    let stage = Stage()
    let cancellation = stage.cancellation
    let cancelled = Guarded<Int64>(0)
    let thread = NamedThread.start(name: "test-cancel") {
      usleep(400_000)
      cancelled.withLock { $0 = MonotonicClock.now() }
      cancellation.cancel()
    }
    let outcome = try stage.run(ClockedCamera.Script(frames: 100, period: 5, hangsAt: 10))
    #expect(MonotonicClock.now() - cancelled.withLock { $0 } < 3_000_000_000)
    #expect(outcome.summary.reason == .signal && outcome.summary.frames == 10)
    #expect(stage.output.lines.last?.kind == .end)
    thread.join()
  }

  @Test func anOpeningThatHangsIsGivenUp() throws {
    let stage = Stage()
    let cancellation = stage.cancellation
    let thread = NamedThread.start(name: "test-cancel") {
      usleep(200_000)
      cancellation.cancel()
    }
    let start = MonotonicClock.now()
    let error = #expect(throws: CaptureError.self) {
      _ = try stage.pipeline.run(
        identity: LivePipeline.Identity(version: "0", source: "camera"), output: stage.output
      ) { () throws(CaptureError) in
        usleep(5_000_000)
        return ClockedCamera(ClockedCamera.Script(), cancellation: cancellation)
      }
    }
    #expect(error?.code == .cancelled && stage.output.lines.isEmpty)
    #expect(MonotonicClock.now() - start < 4_000_000_000)
    thread.join()
  }

  @Test func aFirstOpeningThatFailsIsAnErrorAtOnce() {
    let stage = Stage()
    let problem = CaptureError(.deviceUnavailable, input: "camera", "busy")
    #expect(throws: problem) {
      _ = try stage.pipeline.run(
        identity: LivePipeline.Identity(version: "0", source: "camera"), output: stage.output
      ) { () throws(CaptureError) in throw problem }
    }
    #expect(stage.output.lines.isEmpty)
  }

  @Test func aStepThatFailsEndsTheStreamWithAnError() {
    let finder = SlowFinder()
    finder.failsAtFrame = 5
    let stage = Stage(Stage.models(finder))
    #expect(throws: FinderFailure.self) { _ = try stage.run(ClockedCamera.Script(frames: 1000)) }
    #expect(stage.output.objects(.end).first?["reason"] as? String == "error")
    #expect(stage.output.objects(.frame).count == 5)
  }
}
