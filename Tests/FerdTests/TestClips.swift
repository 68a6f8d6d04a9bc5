import Capture
import Pixels

/// What the test models take for a face: a bright square on the detector's grid.
struct TestFace {
  var column: Int
  var row: Int
  /// Part of the square's left and right half that is bright; the square as a whole stays bright enough.
  var leftLuma: UInt8 = 255
  var rightLuma: UInt8 = 255

  static func happy(column: Int, row: Int) -> TestFace {
    TestFace(column: column, row: row, leftLuma: 255, rightLuma: 175)
  }

  static func sad(column: Int, row: Int) -> TestFace {
    TestFace(column: column, row: row, leftLuma: 175, rightLuma: 255)
  }
}

enum TestClips {
  static let width = 192
  static let height = 128

  static func picture(_ faces: [TestFace], width: Int = TestClips.width, height: Int = TestClips.height)
    -> LumaImage
  {
    var image = LumaImage(width: width, height: height, filledWith: 20)
    let side = TestModels.faceSize
    for face in faces {
      for y in 0..<side {
        for x in 0..<side {
          let index = (face.row * side + y) * width + face.column * side + x
          image.pixels[index] = x < side / 2 ? face.leftLuma : face.rightLuma
        }
      }
    }
    return image
  }

  /// A clip of 25 frames a second, lossless unless a codec is named.
  static func write(
    _ path: String, frames: Int, width: Int = TestClips.width, height: Int = TestClips.height, codec: String? = nil,
    faces: (Int) -> [TestFace]
  ) throws {
    var options = VideoWriterOptions()
    if let codec {
      options.codec = codec
    } else {
      options.codec = "ffv1"
      options.pixelFormat = "gray"
      options.range = .full
    }
    let writer = try VideoWriter(path: path, width: width, height: height, options: options)
    for number in 0..<frames { try writer.append(picture(faces(number), width: width, height: height)) }
    try writer.finish()
  }
}
