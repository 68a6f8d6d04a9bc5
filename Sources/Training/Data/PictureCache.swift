import Foundation
import Inference

/// One file with many decoded pictures.
///
/// In the file: magic bytes, key, length of the header (8 bytes each, little endian), the header (JSON), zeros up to a
/// multiple of 8, all samples, and a checksum of all of that.
struct PictureCache {
  struct Content {
    /// Of every file; zeros for those that could not be read.
    var pixels: [UInt8]
    /// Why files could not be read, by position.
    var problems: [Int: String]
  }

  private struct Header: Codable {
    var count: Int
    var imageSize: Int
    var problems: [Int: String]
  }

  private static let magic = Array("FERDPIC1".utf8)
  let path: String

  /// Changes when a file is added, removed, renamed, written or touched.
  static func key(of files: [PictureFile], folder: URL, imageSize: Int) -> UInt64 {
    var text = "\(imageSize)\n\(folder.standardizedFileURL.path)\n"
    for file in files {
      var status = stat()
      _ = stat(folder.appending(path: file.path).path, &status)
      text += "\(file.path)\u{0}\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)\u{0}\(status.st_size)\n"
    }
    return text.withUTF8 { DamageCheck.checksum(UnsafeRawBufferPointer($0)) }
  }

  /// What the file holds, or nil where there is none, it belongs to other pictures, or it is damaged.
  func read(key: UInt64, count: Int, imageSize: Int) -> Content? {
    guard let data = try? FileAccess.read(path, limit: 1 << 40) else { return nil }
    return data.withUnsafeBytes { bytes in
      let end = bytes.count - 8
      func word(_ position: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      }
      guard bytes.count >= 32, bytes.prefix(8).elementsEqual(Self.magic), word(8) == key,
        DamageCheck.checksum(UnsafeRawBufferPointer(rebasing: bytes[..<end])) == word(end),
        word(16) <= UInt64(end - 24)
      else { return nil }
      let headerEnd = 24 + Int(word(16))
      let start = (headerEnd + 7) / 8 * 8
      guard let header = try? JSONDecoder().decode(Header.self, from: Data(bytes[24..<headerEnd])),
        header.count == count, header.imageSize == imageSize, end - start == count * imageSize * imageSize
      else { return nil }
      return Content(pixels: Array(bytes[start..<end]), problems: header.problems)
    }
  }

  func write(_ content: Content, key: UInt64, imageSize: Int) throws(TrainingError) {
    let area = imageSize * imageSize
    let header = Header(count: content.pixels.count / area, imageSize: imageSize, problems: content.problems)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    guard let json = try? encoder.encode(header) else {
      throw .inputOutput(path: path, "the list of unreadable pictures cannot be written down")
    }
    var head = Self.magic
    withUnsafeBytes(of: key.littleEndian) { head.append(contentsOf: $0) }
    withUnsafeBytes(of: UInt64(json.count).littleEndian) { head.append(contentsOf: $0) }
    head.append(contentsOf: json)
    head.append(contentsOf: repeatElement(0, count: (8 - head.count % 8) % 8))
    var check = DamageCheck()
    head.withUnsafeBytes { check.update($0) }
    content.pixels.withUnsafeBytes { check.update($0) }
    var trailer: [UInt8] = []
    withUnsafeBytes(of: check.value.littleEndian) { trailer.append(contentsOf: $0) }
    try FileAccess.replace(path, with: [head, content.pixels, trailer]) {
      TrainingError.inputOutput(path: path, $0)
    }
  }
}
