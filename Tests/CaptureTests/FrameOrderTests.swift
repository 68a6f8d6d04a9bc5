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

extension FrameOrderTests {
  @Test(arguments: [("libx264", "mp4"), ("libx264", "ts"), ("mpeg2video", "mpg"), ("mpeg4", "avi")], [1, 2])
  func `interlaced frames come whole and in order`(format: (codec: String, container: String), threads: Int) throws
  {
    let folder = try TemporaryFolder()
    let path = folder.path("interlaced.\(format.container)")
    var options = VideoWriterOptions()
    options.codec = format.codec
    options.isInterlaced = true
    options.maximumBFrames = 2
    try writeNumberedClip(path, frames: 40, width: 96, height: 64, options: options)
    let frames = try readAll(try openSource(path, options: SourceOptions(threadCount: threads)))
    #expect(frames.map(\.sequence) == Array(0..<40))
    for frame in frames { #expect(abs(frame.middle - Int(brightness(ofFrame: frame.sequence))) <= 4) }
  }

  @Test(arguments: ["libx264", "libx265", "mpeg4", "mpeg2video", "libvpx-vp9", "mjpeg", "ffv1"], [1, 3])
  func `codecs with and without delay lose nothing`(codec: String, threads: Int) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("clip.mkv")
    var options = VideoWriterOptions()
    options.codec = codec
    options.maximumBFrames = codec.hasPrefix("libx26") || codec.hasPrefix("mpeg") ? 2 : 0
    if codec == "mjpeg" {
      options.pixelFormat = "yuvj420p"
      options.range = .full
    }
    if codec == "libx265" { options.encoderOptions = ["x265-params": "log-level=none", "preset": "ultrafast"] }
    if codec == "libvpx-vp9" { options.encoderOptions = ["cpu-used": "8", "deadline": "realtime"] }
    try writeNumberedClip(path, frames: 30, options: options)
    let source = try openSource(path, options: SourceOptions(threadCount: threads))
    let frames = try readAll(source)
    #expect(frames.map(\.sequence) == Array(0..<30))
    #expect(frames.map(\.nanoseconds) == (0..<30).map { Int64($0) * 40_000_000 })
    for frame in frames { #expect(abs(frame.middle - Int(brightness(ofFrame: frame.sequence))) <= 4) }
    #expect(source.decodeErrors == 0)
  }

  @Test func `frames may be read ahead and kept`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("clip.mp4")
    try writeNumberedClip(path, frames: 12)
    let source = try openSource(path)
    let frames = (0..<12).map { _ in source.makeFrame() }
    for frame in frames { #expect(try source.read(into: frame)) }
    let extra = source.makeFrame()
    #expect(try !source.read(into: extra))
    #expect(extra.luma == nil)
    #expect(try !source.read(into: extra), "the end stays the end")
    for (index, frame) in frames.enumerated() {
      #expect(frame.sequence == index)
      let image = LumaImage(copying: frame.luma!)
      #expect(abs(Int(image.pixels[100]) - Int(brightness(ofFrame: index))) <= 3)
    }
  }
}
