import Foundation
import Inference

/// One file with many decoded pictures.
///
/// In the file: magic bytes and key (8 bytes each, little endian), the pictures that could be read, each padded to a
/// multiple of 8 bytes, a description (JSON) padded likewise, its length, and a checksum of all of that.
struct PictureCache {
  struct Content {
    /// Of the files that could be read.
    var storage: PixelStorage
    /// Why files could not be read, by position.
    var problems: [Int: String]
  }

  private struct Description: Codable {
    var side: Int
    var count: Int
    var problems: [Int: String]
  }

  private static let magic = Array("FERDPIC2".utf8)
  private static let start = 16
  let path: String

  /// Changes when a file is added, removed, renamed, written or touched.
  ///
  /// - Parameter limit: Largest side of the stored pictures.
  static func key(of files: [PictureFile], folder: URL, limit: Int) -> UInt64 {
    var text = "\(limit)\n\(folder.standardizedFileURL.path)\n"
    for file in files {
      var status = stat()
      _ = stat(folder.appending(path: file.path).path, &status)
      text += "\(file.path)\u{0}\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)\u{0}\(status.st_size)\n"
    }
    return text.withUTF8 { DamageCheck.checksum(UnsafeRawBufferPointer($0)) }
  }

  static func stride(side: Int) -> Int { (side * side + 7) / 8 * 8 }

  /// What the file holds, or nil where there is none, it belongs to other pictures, or it is damaged.
  func read(key: UInt64, count: Int) -> Content? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size >= Self.start + 16,
      let address = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED
    else { return nil }
    let mapping = UnsafeMutableRawBufferPointer(start: address, count: Int(status.st_size))
    guard let description = describe(UnsafeRawBufferPointer(mapping), key: key),
      description.count + description.problems.count == count
    else {
      munmap(address, mapping.count)
      return nil
    }
    // Batches are drawn from all over the file.
    madvise(address, mapping.count, MADV_RANDOM)
    return Content(
      storage: PixelStorage(
        side: description.side, count: description.count, mapping: mapping, offset: Self.start,
        stride: Self.stride(side: description.side)),
      problems: description.problems)
  }

  private func describe(_ bytes: UnsafeRawBufferPointer, key: UInt64) -> Description? {
    func word(_ position: Int) -> UInt64 {
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }
    let end = bytes.count - 8
    guard bytes.prefix(8).elementsEqual(Self.magic), word(8) == key,
      DamageCheck.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<end])) == word(end)
    else { return nil }
    let length = word(end - 8)
    guard length <= UInt64(end - 8 - Self.start) else { return nil }
    let first = end - 8 - (Int(length) + 7) / 8 * 8
    guard first >= Self.start,
      let description = try? JSONDecoder().decode(
        Description.self, fromForeign: Data(bytes[first..<first + Int(length)])),
      description.side > 0, description.count >= 0,
      first - Self.start == description.count * Self.stride(side: description.side)
    else { return nil }
    return description
  }

  /// Decodes pictures into the file.
  func write(key: UInt64, _ decoder: PictureDecoder) throws(TrainingError) {
    let failure = { TrainingError.inputOutput(path: path, $0) }
    try FileAccess.replace(path, failure: failure) { (file) throws(TrainingError) in
      var check = DamageCheck()
      func put(_ bytes: [UInt8]) throws(TrainingError) {
        bytes.withUnsafeBytes { check.update($0) }
        try file.append(bytes.span.bytes)
      }
      func putWord(_ word: UInt64) throws(TrainingError) {
        try put(withUnsafeBytes(of: word.littleEndian) { Array($0) })
      }
      let outcome = try decoder.decode { () throws(TrainingError) in
        try file.startOver()
        check = DamageCheck()
        try put(Self.magic)
        try putWord(key)
      } append: { (rows) throws(TrainingError) in
        try put(rows)
      }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      let description = Description(side: outcome.side, count: outcome.count, problems: outcome.problems)
      guard var json = (try? encoder.encode(description)).map(Array.init) else {
        throw .inputOutput(path: path, "the list of unreadable pictures cannot be written down")
      }
      let length = json.count
      json.append(contentsOf: repeatElement(0, count: (8 - length % 8) % 8))
      try put(json)
      try putWord(UInt64(length))
      try putWord(check.value)
    }
  }
}
