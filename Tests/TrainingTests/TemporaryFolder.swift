import Capture
import Foundation
import Pixels

@testable import Training

/// A folder that is gone with the last reference to it.
final class TemporaryFolder {
  let url: URL
  var path: String { url.path }

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "ferd-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func write(_ bytes: [UInt8], to path: String) throws {
    let file = url.appending(path: path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }

  /// A binary PGM: every FFmpeg reads it, and it needs no encoder.
  func writePicture(_ image: LumaImage, to path: String) throws {
    try write(Array("P5\n\(image.width) \(image.height)\n255\n".utf8) + image.pixels, to: path)
  }

  /// Pictures that a small network can tell apart: each class is bright in a place of its own, with noise.
  func writeClasses(_ names: [String], count: Int, size: Int, prefix: String = "", seed: UInt64 = 1) throws {
    for (label, name) in names.enumerated() {
      for index in 0..<count {
        var random = RandomGenerator(seed: seed, stream: UInt64(label * 1000 + index))
        var image = LumaImage(width: size, height: size)
        for row in 0..<size {
          for column in 0..<size {
            let isBright = row * names.count / size == label
            image.pixels[row * size + column] = UInt8((isBright ? 150 : 50) + random.uniform(0, 80))
          }
        }
        try writePicture(image, to: "\(prefix)\(name)/\(String(format: "%04d", index)).pgm")
      }
    }
  }
}
