import Foundation
import TestSupport
import Testing

private let hasBundledModels = ["models/default/ensemble.json", "models/detector.safetensors"].allSatisfy {
  FileManager.default.fileExists(atPath: TestData.repository.appending(path: $0).path)
}

/// The bundled models on the bundled clip, as `scripts/demo` shows them.
@Suite(.enabled(if: hasBundledModels, "no bundled models in models/"))
struct BundledClipTests {
  private static let clip = TestData.repository.appending(path: "docs/mean-faces.mp4").path
  /// The clip's scenes (`Tools/Sources/make-mean-faces/Storyboard.swift`): one every two seconds, of which the last 0.4
  /// pass over to the next.
  private static let scenes = ["neutral", "happy", "surprise", "angry", "neutral", "happy"]

  /// The real program without any option, run once for all tests.
  private static let frames = Result { () throws -> [ParsedJSON] in
    let result = try FerdProcess.run(["annotate", clip])
    try #require(result.status == 0, "\(result.errors)")
    return try result.objects().filter { $0["type"]?.string == "frame" }
  }

  @Test func findsTheFaceInEveryFrameAndKeepsItsTrack() throws {
    let frames = try Self.frames.get()
    #expect(frames.count == 290)
    #expect(frames.allSatisfy { $0["faces"]?.array?.count == 1 })
    #expect(Set(frames.compactMap { $0["faces"]?[0]?["track"]?.integer }) == [1])
  }

  @Test(arguments: Array(scenes.enumerated()))
  func tellsTheEmotionOfEachScene(index: Int, emotion: String) throws {
    let told = try Self.frames.get().filter { frame in
      let seconds = Double(frame["pts_ns"]?.integer ?? -1) * 1e-9 - 2 * Double(index)
      // Smoothing lags behind a little.
      return 0.6...1.5 ~= seconds
    }.compactMap { $0["faces"]?[0]?["emotion"]?.string }
    #expect(told.count >= 22)
    #expect(Double(told.count { $0 == emotion }) >= 0.9 * Double(told.count), "\(told)")
  }
}
