public import Inference
public import Pixels

extension FaceDetector {
  /// A face in a region is the expected one if its centre is no further away than this, in sizes of the face…
  private static let longestMove: Float = 0.6
  /// …and neither is more than so many times as large as the other.
  private static let largestGrowth: Float = 2

  /// Whether looking for so many faces one by one takes clearly less time than looking at the whole picture.
  public func isWorthwhile(regions count: Int, in plane: LumaPlane) -> Bool {
    let size = inputSize(of: plane)
    let area = DetectorRegion.inputSize * DetectorRegion.inputSize
    // Small inputs take more time for each pixel.
    return 3 * count * area <= 2 * size.paddedWidth * size.paddedHeight
  }

  /// Replaces `faces` by those of `expected` that are near where they are expected, the surest first; nobody else is
  /// looked for. Boxes may reach beyond the picture.
  ///
  /// The network sees each face in a picture of its own, so boxes differ a little from those of `detect(in:into:)`.
  ///
  /// - Returns: whether each of the first `required` expected faces was found.
  public func detect(
    in plane: LumaPlane, around expected: [DetectedFace], required: Int = 0, into faces: inout [DetectedFace]
  ) throws(InferenceError) -> Bool {
    faces.removeAll(keepingCapacity: true)
    candidates.removeAll(keepingCapacity: true)
    var areAllFound = true
    let scale = Float(plane.width) / Float(inputSize(of: plane).width)
    for (index, face) in expected.enumerated() {
      let region = DetectorRegion(
        around: face.box, pictureWidth: plane.width, pictureHeight: plane.height, scale: scale)
      let part = region.plane(of: plane)
      let size = DetectorInputSize(
        pictureWidth: part.width, pictureHeight: part.height, detectSize: DetectorRegion.inputSize,
        maximumEnlargement: 1, multiple: inputMultiple)
      let first = candidates.count
      try collectCandidates(
        in: part, size: size, resizer: regionResizers.resizer(width: part.width, height: part.height))
      keepCandidates(from: first, of: region, near: face)
      if index < required, candidates.count == first { areAllFound = false }
    }
    suppression.reduce(&candidates, limit: options.maximumFaces, into: &faces)
    return areAllFound
  }

  /// Moves the candidates of a region into the picture and drops those that are not the expected face, such as a
  /// neighbour of which the region shows a part.
  private func keepCandidates(from first: Int, of region: DetectorRegion, near expected: DetectedFace) {
    let size = max(expected.box.area.squareRoot(), 1)
    var kept = first
    for index in first..<candidates.count {
      let face = candidates[index].moved(x: Float(region.x), y: Float(region.y))
      let (dx, dy) = (face.box.center.x - expected.box.center.x, face.box.center.y - expected.box.center.y)
      let growth = face.box.area.squareRoot() / size
      guard (dx * dx + dy * dy).squareRoot() <= Self.longestMove * size, growth <= Self.largestGrowth,
        growth >= 1 / Self.largestGrowth
      else { continue }
      candidates[kept] = face
      kept += 1
    }
    candidates.removeSubrange(kept...)
  }
}

/// Resizers by the size of what they shrink, each with its tables; the one used longest ago goes first.
struct ResizerCache {
  private struct Entry {
    let width: Int
    let height: Int
    let resizer: Resizer
    var lastUse: Int
  }

  private let limit: Int
  private var entries: [Entry] = []
  private var useCount = 0

  init(limit: Int) { self.limit = limit }

  mutating func resizer(width: Int, height: Int) -> Resizer {
    useCount += 1
    if let index = entries.firstIndex(where: { $0.width == width && $0.height == height }) {
      entries[index].lastUse = useCount
      return entries[index].resizer
    }
    if entries.count >= limit {
      entries.remove(at: entries.indices.min { entries[$0].lastUse < entries[$1].lastUse }!)
    }
    entries.append(Entry(width: width, height: height, resizer: Resizer(), lastUse: useCount))
    return entries[entries.count - 1].resizer
  }
}
