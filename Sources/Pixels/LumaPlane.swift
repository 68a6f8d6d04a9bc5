/// How sample values map to brightness.
public enum LumaRange: UInt8, Sendable, Codable {
  /// 0 is black, 255 is white (JPEG, most still pictures).
  case full
  /// 16 is black, 235 is white (most video).
  case limited
}

/// A borrowed view of 8-bit luma samples that lie in somebody else's memory, row by row from the top.
///
/// It owns nothing: it is valid only as long as the owner (a `Frame`, a `LumaImage` inside its closure) is.
public struct LumaPlane {
  /// First sample of the first row.
  public let base: UnsafePointer<UInt8>
  /// In pixels.
  public let width: Int
  /// In pixels.
  public let height: Int
  /// Distance between rows in bytes; may be larger than the width, or negative.
  public let bytesPerRow: Int
  public let range: LumaRange

  public init(base: UnsafePointer<UInt8>, width: Int, height: Int, bytesPerRow: Int, range: LumaRange) {
    self.base = base
    self.width = width
    self.height = height
    self.bytesPerRow = bytesPerRow
    self.range = range
  }
}

/// An 8-bit grey picture of full range that owns its samples, without padding between rows.
public struct LumaImage: Equatable, Sendable {
  public let width: Int
  public let height: Int
  /// `height * width` samples, row by row.
  public var pixels: [UInt8]

  public init(width: Int, height: Int, filledWith value: UInt8 = 0) {
    precondition(width > 0 && height > 0, "a picture of \(width)x\(height)")
    self.width = width
    self.height = height
    pixels = [UInt8](repeating: value, count: width * height)
  }

  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(pixels.count == width * height, "\(pixels.count) samples for \(width)x\(height)")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// Lends the samples as a plane for the duration of `body`; the plane must not leave it.
  public func withPlane<Result, Failure: Error>(
    _ body: (LumaPlane) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // `withUnsafeBufferPointer` cannot carry both a typed error and a borrowed result on older runtimes.
    let outcome: Swift.Result<Result, Failure> = pixels.withUnsafeBufferPointer { buffer in
      do throws(Failure) {
        return .success(
          try body(
            LumaPlane(
              base: buffer.baseAddress!, width: width, height: height, bytesPerRow: width, range: .full)))
      } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }
}
