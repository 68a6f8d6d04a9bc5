import Capture
import Pixels
import Testing

struct StillPictureTests {
  @Test(arguments: [(1, 1), (17, 31), (48, 48), (640, 3)])
  func `a written picture reads back exactly`(width: Int, height: Int) throws {
    let folder = try TemporaryFolder()
    let picture = cornerPicture(width: width, height: height)
    let path = folder.path("100%d picture: one.png")
    try writePicture(picture, to: path)
    #expect(try readPicture(path) == picture)

    let source = try openSource(path)
    #expect(source.info.isStillPicture)
    #expect(source.info.width == width && source.info.height == height)
    let frames = try readAll(source)
    #expect(frames.map(\.image) == [picture])
    #expect(frames[0].nanoseconds == 0)
  }

  @Test(arguments: [("gif", "gif", "gray"), ("apng", "apng", "gray"), ("avif", "libaom-av1", "yuv420p")])
  func `a format of films and pictures is a still picture where it holds one`(
    ending: String, codec: String, format: String
  ) throws {
    let folder = try TemporaryFolder()
    var options = VideoWriterOptions()
    options.codec = codec
    options.pixelFormat = format
    if format == "gray" { options.range = .full }
    if codec == "libaom-av1" { options.encoderOptions = ["cpu-used": "8"] }
    // The muxer of FFmpeg 5 writes AVIF of one picture only.
    for count in ending == "avif" ? [1] : [1, 3] {
      let path = folder.path("\(count).\(ending)")
      try writeNumberedClip(path, frames: count, options: options)
      let source = try openSource(path)
      #expect(source.info.isStillPicture == (count == 1))
      #expect(source.info.estimatedFrameCount == 1 || count > 1)
      let frames = try readAll(source)
      #expect(frames.map(\.sequence) == Array(0..<count))
      for frame in frames { #expect(abs(frame.middle - Int(brightness(ofFrame: frame.sequence))) <= 4) }
    }
  }

  /// PNG above all: its decoder takes a picture without a certain flag for a change to the one before.
  @Test(arguments: ["png", "bmp", "pgm", "tiff"])
  func `one reader reads many pictures, each for itself`(ending: String) throws {
    let folder = try TemporaryFolder()
    let pictures = [10, 200, 90, 250, 3].map { value in
      var picture = cornerPicture(width: 48, height: 48)
      picture.pixels[1200] = UInt8(value)
      for index in 600..<700 { picture.pixels[index] = UInt8((value * index) % 256) }
      return picture
    }
    for (index, picture) in pictures.enumerated() {
      try writePicture(picture, to: folder.path("\(index).\(ending)"))
    }
    let reader = PictureReader()
    for (index, picture) in pictures.enumerated() {
      #expect(try reader.read(folder.path("\(index).\(ending)")) == picture)
    }
  }
}
