/// Decoded grey pictures of one size with their classes: what training and evaluation read from.
public struct PictureSet: Sendable {
  /// Side of the square stored pictures in pixels; networks may take others, to which they are enlarged or reduced.
  public var imageSize: Int { storage.side }
  public let labels: ClassLabels
  /// Those that could be read, in the order of the listing.
  public private(set) var files: [PictureFile]
  /// Relative paths of those that could not be read, with the reason.
  public var unreadable: [(path: String, problem: String)]
  /// Probabilities `[files.count × labels.count]` to learn instead of the bare class, or nil.
  public var softTargets: [Float]?
  private let storage: PixelStorage
  /// Where the pictures lie in the storage.
  private var rows: [Int]

  /// - Parameter pixels: `files.count × imageSize × imageSize` samples of full range.
  public init(
    imageSize: Int, labels: ClassLabels, files: [PictureFile], pixels: [UInt8],
    unreadable: [(path: String, problem: String)] = []
  ) {
    self.init(
      labels: labels, files: files, storage: PixelStorage(side: imageSize, count: files.count, pixels: pixels),
      unreadable: unreadable)
  }

  /// - Parameter storage: Of all `files`, in their order.
  init(
    labels: ClassLabels, files: [PictureFile], storage: PixelStorage, unreadable: [(path: String, problem: String)]
  ) {
    precondition(storage.count == files.count, "\(storage.count) pictures of \(files.count) files")
    self.labels = labels
    self.files = files
    self.storage = storage
    self.unreadable = unreadable
    rows = Array(files.indices)
  }

  public var count: Int { files.count }

  /// The samples of one picture, `[imageSize, imageSize]`, full range.
  public func withPixels<Result, Failure: Error>(
    of index: Int, _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(storage.picture(rows[index]))
  }

  /// A copy of the samples of one picture.
  public func pixels(of index: Int) -> [UInt8] { withPixels(of: index) { Array($0) } }

  /// The pictures at some positions, in that order; they share their samples with this set.
  public func subset(_ positions: [Int]) -> PictureSet {
    var result = self
    result.files = positions.map { files[$0] }
    result.rows = positions.map { rows[$0] }
    let classes = labels.count
    result.softTargets = softTargets.map { soft in
      positions.flatMap { soft[$0 * classes..<($0 + 1) * classes] }
    }
    return result
  }

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

  /// The same for the same pictures, classes and soft targets in the same order.
  var fingerprint: String {
    var check = DamageCheck()
    for index in files.indices {
      withPixels(of: index) { check.update(UnsafeRawBufferPointer($0)) }
      check.completeWord()
    }
    files.map { Int32($0.label) }.withUnsafeBytes { check.update($0) }
    check.completeWord()
    softTargets?.withUnsafeBytes { check.update($0) }
    return String(check.value, radix: 16)
  }
}
