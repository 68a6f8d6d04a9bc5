import Pixels

/// A grey picture with its halvings, so that strong reductions sample without aliasing.
///
/// Immutable after `init`, hence safe to share between threads.
final class PicturePyramid: @unchecked Sendable {
  struct Level {
    var offset: Int
    var width: Int
    var height: Int
  }

  let width: Int
  let height: Int
  let levels: [Level]
  private let storage: UnsafeMutableBufferPointer<UInt8>

  /// Levels of 2×2 means down to a shorter side of at least 8 pixels, at most four times.
  init(_ image: LumaImage) {
    width = image.width
    height = image.height
    var levels = [Level(offset: 0, width: image.width, height: image.height)]
    while let last = levels.last, levels.count < 5, min(last.width, last.height) >= 16 {
      levels.append(
        Level(offset: last.offset + last.width * last.height, width: last.width / 2, height: last.height / 2))
    }
    let last = levels[levels.count - 1]
    storage = .allocate(capacity: last.offset + last.width * last.height)
    self.levels = levels
    _ = storage.initialize(from: image.pixels + [UInt8](repeating: 0, count: storage.count - image.pixels.count))
    for index in 1..<max(1, levels.count) { halve(levels[index - 1], into: levels[index]) }
  }

  deinit { storage.deallocate() }

  private func halve(_ source: Level, into target: Level) {
    for y in 0..<target.height {
      let upper = storage.baseAddress! + source.offset + 2 * y * source.width
      let lower = upper + source.width
      let row = storage.baseAddress! + target.offset + y * target.width
      for x in 0..<target.width {
        let sum = Int32(upper[2 * x]) + Int32(upper[2 * x + 1]) + Int32(lower[2 * x]) + Int32(lower[2 * x + 1])
        row[x] = UInt8(truncatingIfNeeded: (sum + 2) >> 2)
      }
    }
  }

  /// The samples of one level, valid while the pyramid lives.
  func samples(of level: Int) -> UnsafePointer<UInt8> {
    UnsafePointer(storage.baseAddress! + levels[level].offset)
  }

  /// Mean brightness, from the smallest level.
  var meanBrightness: Float {
    let last = levels[levels.count - 1]
    var sum = 0
    for index in 0..<last.width * last.height { sum += Int(storage[last.offset + index]) }
    return Float(sum) / Float(last.width * last.height)
  }
}
