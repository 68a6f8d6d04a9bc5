import Capture
import Pixels
import Testing

struct FrameOrderTests {
  @Test(arguments: ["mp4", "mkv", "avi", "ts", "mov"], [0, 3])
  func `every frame comes once and in order`(container: String, bFrames: Int) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("clip.\(container)")
    var options = VideoWriterOptions()
    options.maximumBFrames = bFrames
    try writeNumberedClip(path, frames: 60, options: options)

    let source = try openSource(path)
    #expect(source.info.width == 64 && source.info.height == 48)
    #expect(source.info.frameRate == 25)
    #expect(!source.info.isStillPicture)
    let frames = try readAll(source)
    #expect(frames.map(\.sequence) == Array(0..<60))
    #expect(frames.map(\.nanoseconds) == (0..<60).map { Int64($0) * 40_000_000 })
    #expect(frames.allSatisfy { $0.status == .ok })
    for frame in frames {
      #expect(abs(frame.middle - Int(brightness(ofFrame: frame.sequence))) <= 3, "frame \(frame.sequence)")
    }
    #expect(source.decodeErrors == 0)
  }
}
