public import Foundation

extension PictureSet {
  /// Larger pictures are stored reduced to this side, whatever size networks take.
  static let largestStoredSide = 512

  /// Decodes pictures on all processors. They become squares of one size: that of the largest one, at most `imageSize`.
  ///
  /// - Parameters:
  ///   - imageSize: Side of what networks take, in pixels.
  ///   - cacheFolder: Where one file keeps the decoded pictures for the next time, or nil to hold them in memory. The file
  ///     is used as long as paths, sizes and times of all pictures are the same; a damaged one is made anew.
  ///   - cacheName: Name of that file.
  /// - Throws: `invalidData` where not one picture, or not one of a class, can be read. Single pictures that cannot be
  ///   read are left out and told in `unreadable`.
  public static func read(
    _ files: [PictureFile], folder: URL, labels: ClassLabels, imageSize: Int, cacheFolder: URL? = nil,
    cacheName: String = "pictures"
  ) throws(TrainingError) -> PictureSet {
    let decoder = PictureDecoder(files: files, folder: folder, limit: min(imageSize, largestStoredSide))
    let content =
      if let cacheFolder {
        try cached(
          decoder, in: PictureCache(path: cacheFolder.appending(path: "\(cacheName)-\(imageSize).cache").path))
      } else {
        try inMemory(decoder)
      }
    return try assemble(content, files: files, folder: folder, labels: labels)
  }

  private static func cached(
    _ decoder: PictureDecoder, in cache: PictureCache
  ) throws(TrainingError) -> PictureCache.Content {
    let key = PictureCache.key(of: decoder.files, folder: decoder.folder, limit: decoder.limit)
    // What could not be read then may be readable by now without having changed: with other permissions, for one.
    if let content = cache.read(key: key, count: decoder.files.count),
      !content.problems.keys.contains(where: { decoder.canRead($0) })
    {
      return content
    }
    try cache.write(key: key, decoder)
    guard let content = cache.read(key: key, count: decoder.files.count) else {
      throw .inputOutput(path: cache.path, "is not as it was just written; pictures may have changed meanwhile")
    }
    return content
  }

  private static func inMemory(_ decoder: PictureDecoder) throws(TrainingError) -> PictureCache.Content {
    var padded: [UInt8] = []
    let outcome = try decoder.decode {
      padded = []
    } append: {
      padded += $0
    }
    let area = outcome.side * outcome.side
    let stride = PictureCache.stride(side: outcome.side)
    let pixels =
      stride == area
      ? padded : (0..<outcome.count).flatMap { padded[$0 * stride..<$0 * stride + area] }
    return PictureCache.Content(
      storage: PixelStorage(side: outcome.side, count: outcome.count, pixels: pixels), problems: outcome.problems)
  }

  private static func assemble(
    _ content: PictureCache.Content, files: [PictureFile], folder: URL, labels: ClassLabels
  ) throws(TrainingError) -> PictureSet {
    let readable = files.indices.filter { content.problems[$0] == nil }.map { files[$0] }
    let unreadable = content.problems.sorted { $0.key < $1.key }.map { (files[$0.key].path, $0.value) }
    let set = PictureSet(labels: labels, files: readable, storage: content.storage, unreadable: unreadable)
    for (label, count) in set.classCounts.enumerated() where count == 0 {
      guard let first = files.indices.first(where: { files[$0].label == label }) else { continue }
      throw .invalidData(
        path: folder.appending(path: files[first].path).path,
        "not one picture of the class \(labels.names[label]) can be read; of this one: "
          + content.problems[first]!)
    }
    return set
  }
}
