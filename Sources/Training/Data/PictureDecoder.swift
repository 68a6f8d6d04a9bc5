import Capture
import Foundation
import Pixels

/// Decodes picture files to squares of one size on all processors, part by part, so that never more than a part is in
/// memory.
///
/// The size is that of the largest picture (its longer side), or `limit` where that is less: storing small pictures
/// enlarged would take memory for nothing.
struct PictureDecoder {
  struct Outcome {
    /// Of the stored pictures in pixels.
    var side: Int
    /// How many could be read.
    var count: Int
    /// Why files could not be read, by position.
    var problems: [Int: String]
  }

  let files: [PictureFile]
  let folder: URL
  /// Largest side of the stored pictures.
  let limit: Int

  private static let chunkSize = 64
  /// Most bytes of a part, unless a chunk has more.
  private static let partSize = 32 << 20

  /// - Parameters:
  ///   - restart: Called before the first part, and again where a picture turns out larger than all before: what came so
  ///     far is then void.
  ///   - append: Receives the samples of pictures, each padded with zeros to `PictureCache.stride`.
  func decode(
    restart: () throws(TrainingError) -> Void, append: ([UInt8]) throws(TrainingError) -> Void
  ) throws(TrainingError) -> Outcome {
    var side = probe()
    while true {
      try restart()
      var outcome = Outcome(side: side, count: 0, problems: [:])
      var largest = 1
      let chunks = max(1, min(16, Self.partSize / (Self.chunkSize * PictureCache.stride(side: side))))
      let length = chunks * Self.chunkSize
      for start in stride(from: 0, to: files.count, by: length) {
        let part = decodePart(start..<min(files.count, start + length), side: side)
        outcome.problems.merge(part.problems) { first, _ in first }
        largest = max(largest, part.largest)
        // Once a picture is too large for this pass, it goes on only to learn how large they get.
        guard min(limit, largest) <= side else { continue }
        outcome.count += part.pixels.count / PictureCache.stride(side: side)
        try append(part.pixels)
      }
      if min(limit, largest) <= side { return outcome }
      side = min(limit, largest)
    }
  }

  /// A good guess that seldom needs a second pass: the largest of some pictures from all over the list.
  private func probe() -> Int {
    let reader = PictureReader()
    var largest = 1
    for index in stride(from: 0, to: files.count, by: max(1, files.count / 16)) where largest < limit {
      guard let picture = try? read(index, with: reader) else { continue }
      largest = max(largest, picture.width, picture.height)
    }
    return min(limit, largest)
  }

  private struct Part {
    /// Of those that could be read.
    var pixels: [UInt8] = []
    var problems: [Int: String] = [:]
    var largest = 1
  }

  private func decodePart(_ range: Range<Int>, side: Int) -> Part {
    let stride = PictureCache.stride(side: side)
    let chunks = (range.count + Self.chunkSize - 1) / Self.chunkSize
    var parts = [Part](repeating: Part(), count: chunks)
    parts.withUnsafeMutableBufferPointer { parts in
      // Each chunk writes its own part.
      nonisolated(unsafe) let parts = parts
      DispatchQueue.concurrentPerform(iterations: chunks) { chunk in
        let start = range.lowerBound + chunk * Self.chunkSize
        parts[chunk] = decodeChunk(
          start..<min(range.upperBound, start + Self.chunkSize), side: side, stride: stride)
      }
    }
    return parts.reduce(into: Part()) { whole, part in
      whole.pixels += part.pixels
      whole.problems.merge(part.problems) { first, _ in first }
      whole.largest = max(whole.largest, part.largest)
    }
  }

  private func decodeChunk(_ range: Range<Int>, side: Int, stride: Int) -> Part {
    let reader = PictureReader()
    let resizer = Resizer()
    var part = Part()
    part.pixels = [UInt8](repeating: 0, count: range.count * stride)
    var count = 0
    for index in range {
      do throws(CaptureError) {
        let picture = try read(index, with: reader)
        part.largest = max(part.largest, picture.width, picture.height)
        part.pixels.withUnsafeMutableBufferPointer { pixels in
          let place = count * stride..<count * stride + side * side
          Self.fit(
            picture, side: side, resizer: resizer, into: UnsafeMutableBufferPointer(rebasing: pixels[place]))
        }
        count += 1
      } catch {
        part.problems[index] = error.message
      }
    }
    part.pixels.removeLast((range.count - count) * stride)
    return part
  }

  func canRead(_ index: Int) -> Bool { (try? read(index, with: PictureReader())) != nil }

  /// A pipe among the pictures would keep everything waiting.
  private func read(_ index: Int, with reader: PictureReader) throws(CaptureError) -> LumaImage {
    try reader.read(folder.appending(path: files[index].path).path)
  }

  /// Stretches the picture to a square unless it is that square.
  private static func fit(
    _ picture: LumaImage, side: Int, resizer: Resizer, into target: UnsafeMutableBufferPointer<UInt8>
  ) {
    guard picture.width != side || picture.height != side else {
      _ = target.update(fromContentsOf: picture.pixels)
      return
    }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: target.count) { scratch in
      scratch.initialize(repeating: 0)
      picture.withPlane {
        resizer.resize(
          $0, toWidth: side, height: side, normalisation: .none, into: scratch, destinationWidth: side)
      }
      for index in 0..<target.count { target[index] = UInt8(min(255, max(0, scratch[index].rounded()))) }
    }
  }
}
