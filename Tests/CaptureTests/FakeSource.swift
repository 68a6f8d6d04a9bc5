import Pixels

@testable import Capture

/// Plain pictures whose only sample tells their number, made in no time.
final class FakeSource: FrameSource {
  final class Storage: FrameStorage {
    let sample = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    private(set) var clearCount = 0

    deinit { sample.deallocate() }

    func clear() { clearCount += 1 }
  }

  var info = SourceInfo(
    name: "fake", width: 1, height: 1, frameRate: 100, estimatedFrameCount: nil, isStillPicture: false,
    isLive: true,
    isReopened: true)
  var decodeErrors = 0
  /// Numbers of the frames that it gives, then it breaks off, or ends.
  private let sequences: [Int]
  private let failure: CaptureError?
  private var index = 0

  init(_ sequences: [Int], failure: CaptureError?) {
    self.sequences = sequences
    self.failure = failure
  }

  func makeFrame() -> Frame { Frame(storage: Storage()) }

  func read(into frame: Frame) throws(CaptureError) -> Bool {
    frame.clear()
    guard index < sequences.count else {
      if let failure { throw failure }
      return false
    }
    FakeSource.fill(frame, sequence: sequences[index])
    index += 1
    return true
  }

  static func fill(_ frame: Frame, sequence: Int) {
    let storage = frame.storage as! Storage
    storage.sample.pointee = UInt8(truncatingIfNeeded: sequence)
    frame.sequence = sequence
    frame.presentationTimeNanoseconds = Int64(sequence) * 10_000_000
    frame.luma = LumaPlane(base: storage.sample, width: 1, height: 1, bytesPerRow: 1, range: .full)
  }
}
