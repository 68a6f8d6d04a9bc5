import Capture
public import Foundation
import Pixels

extension PictureSet {
  /// Decodes pictures on all processors; each is stretched to `imageSize` unless it has that size already.
  ///
  /// - Parameters:
  ///   - cacheFolder: Where one file keeps the decoded pictures for the next time, or nil for no cache. The file is
  ///     used as long as paths, sizes and times of all pictures are the same; a damaged one is made anew.
  ///   - cacheName: Name of that file.
  /// - Throws: `invalidData` where not one picture, or not one of a class, can be read. Single pictures that cannot be
  ///   read are left out and told in `unreadable`.
  public static func read(
    _ files: [PictureFile], folder: URL, labels: ClassLabels, imageSize: Int, cacheFolder: URL? = nil,
    cacheName: String = "pictures"
  ) throws(TrainingError) -> PictureSet {
    let cache = cacheFolder.map {
      PictureCache(path: $0.appending(path: "\(cacheName)-\(imageSize).cache").path)
    }
    let key = PictureCache.key(of: files, folder: folder, imageSize: imageSize)
    let content: PictureCache.Content
    if let cached = cache?.read(key: key, count: files.count, imageSize: imageSize) {
      content = cached
    } else {
      content = decode(files, folder: folder, imageSize: imageSize)
      try cache?.write(content, key: key, imageSize: imageSize)
    }
    return try assemble(content, files: files, folder: folder, labels: labels, imageSize: imageSize)
  }

  private static func assemble(
    _ content: PictureCache.Content, files: [PictureFile], folder: URL, labels: ClassLabels, imageSize: Int
  ) throws(TrainingError) -> PictureSet {
    let area = imageSize * imageSize
    var pixels = content.pixels
    var readable = files
    if !content.problems.isEmpty {
      pixels = []
      readable = []
      for (index, file) in files.enumerated() where content.problems[index] == nil {
        readable.append(file)
        pixels += content.pixels[index * area..<(index + 1) * area]
      }
    }
    let unreadable = content.problems.sorted { $0.key < $1.key }.map { (files[$0.key].path, $0.value) }
    let set = PictureSet(
      imageSize: imageSize, labels: labels, files: readable, pixels: pixels, unreadable: unreadable)
    for (label, count) in set.classCounts.enumerated()
    where count == 0 && files.contains(where: { $0.label == label }) {
      throw .invalidData(
        path: folder.path, "not one picture of the class \(labels.names[label]) can be read (\(unreadable[0].1))")
    }
    return set
  }

  private static func decode(_ files: [PictureFile], folder: URL, imageSize: Int) -> PictureCache.Content {
    let area = imageSize * imageSize
    let chunkSize = 64
    let chunks = (files.count + chunkSize - 1) / chunkSize
    var pixels = [UInt8](repeating: 0, count: files.count * area)
    var problems = [[Int: String]](repeating: [:], count: chunks)
    pixels.withUnsafeMutableBufferPointer { pixels in
      problems.withUnsafeMutableBufferPointer { problems in
        // Each chunk writes its own part of both buffers.
        nonisolated(unsafe) let pixels = pixels
        nonisolated(unsafe) let problems = problems
        DispatchQueue.concurrentPerform(iterations: chunks) { chunk in
          let reader = PictureReader()
          let resizer = Resizer()
          for index in chunk * chunkSize..<min(files.count, (chunk + 1) * chunkSize) {
            let target = UnsafeMutableBufferPointer(rebasing: pixels[index * area..<(index + 1) * area])
            do throws(CaptureError) {
              let picture = try reader.read(folder.appending(path: files[index].path).path)
              fit(picture, imageSize: imageSize, resizer: resizer, into: target)
            } catch {
              problems[chunk][index] = error.message
            }
          }
        }
      }
    }
    return PictureCache.Content(pixels: pixels, problems: problems.reduce(into: [:]) { $0.merge($1) { a, _ in a } })
  }

  private static func fit(
    _ picture: LumaImage, imageSize: Int, resizer: Resizer, into target: UnsafeMutableBufferPointer<UInt8>
  ) {
    guard picture.width != imageSize || picture.height != imageSize else {
      _ = target.update(fromContentsOf: picture.pixels)
      return
    }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: target.count) { scratch in
      scratch.initialize(repeating: 0)
      picture.withPlane {
        resizer.resize(
          $0, toWidth: imageSize, height: imageSize, normalisation: .none, into: scratch,
          destinationWidth: imageSize)
      }
      for index in 0..<target.count { target[index] = UInt8(min(255, max(0, scratch[index].rounded()))) }
    }
  }
}
