/// Decoded grey pictures of one size with their classes: what training and evaluation read from.
public struct PictureSet: Sendable {
  /// Side of the square pictures in pixels.
  public let imageSize: Int
  public let labels: ClassLabels
  /// Those that could be read, in the order of the listing.
  public private(set) var files: [PictureFile]
  /// `files.count × imageSize × imageSize` samples of full range.
  public private(set) var pixels: [UInt8]
  /// Relative paths of those that could not be read, with the reason.
  public let unreadable: [(path: String, problem: String)]
  /// Probabilities `[files.count × labels.count]` to learn instead of the bare class, or nil.
  public var softTargets: [Float]?

  public init(
    imageSize: Int, labels: ClassLabels, files: [PictureFile], pixels: [UInt8],
    unreadable: [(path: String, problem: String)] = []
  ) {
    precondition(pixels.count == files.count * imageSize * imageSize, "\(pixels.count) samples")
    self.imageSize = imageSize
    self.labels = labels
    self.files = files
    self.pixels = pixels
    self.unreadable = unreadable
  }

  public var count: Int { files.count }

  /// Number of pictures of each class.
  public var classCounts: [Int] {
    var counts = [Int](repeating: 0, count: labels.count)
    for file in files { counts[file.label] += 1 }
    return counts
  }

  /// Positions of the pictures by class.
  public var indicesByClass: [[Int]] {
    var indices = [[Int]](repeating: [], count: labels.count)
    for (index, file) in files.enumerated() { indices[file.label].append(index) }
    return indices
  }
}
