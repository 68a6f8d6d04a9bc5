/// A zip archive in memory, of which entries are taken out one by one.
///
/// Format: PKWARE's APPNOTE 6.3.10. Entries may be stored or deflated, sizes of 32 or 64 bits; encryption and archives in
/// several parts are refused. Everything an archive says of itself is checked before it is used, so a damaged or
/// hostile one costs an error, never more memory than an entry may have.
struct ZipArchive {
  struct Entry {
    enum Method {
      case stored
      case deflated
    }

    var method: Method
    var checksum: UInt32
    var compressedSize: Int
    var size: Int
    var headerOffset: Int
  }

  /// By their full names.
  private(set) var entries: [String: Entry] = [:]
  private let bytes: [UInt8]
  private let path: String
  /// Where entries end and the directory begins.
  private var directoryStart = 0

  /// Deflate cannot do better (zlib's documentation).
  private static let largestRatio = 1032

  var byteCount: Int { bytes.count }

  private func fail(_ problem: String) -> InferenceError { .unreadableFile(path: path, problem) }

  /// - Parameter path: For messages.
  init(bytes: [UInt8], path: String) throws(InferenceError) {
    self.bytes = bytes
    self.path = path
    let (start, size, count) = try findDirectory()
    directoryStart = start
    try readDirectory(at: start, size: size, count: count)
  }

  // MARK: Numbers

  /// Little-endian; the place must be inside the file.
  private func number<Number: FixedWidthInteger>(_ offset: Int, as: Number.Type) -> Int? {
    guard offset >= 0, offset <= bytes.count - MemoryLayout<Number>.size else { return nil }
    let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Number.self) }
    return Int(exactly: Number(littleEndian: value))
  }

  private func required<Number: FixedWidthInteger>(
    _ offset: Int, as type: Number.Type
  ) throws(InferenceError) -> Int {
    guard let value = number(offset, as: type) else {
      throw fail("expected \(MemoryLayout<Number>.size) bytes at \(offset), the file has \(bytes.count): truncated")
    }
    return value
  }

  // MARK: Directory

  private func findDirectory() throws(InferenceError) -> (start: Int, size: Int, count: Int) {
    let endSize = 22
    guard bytes.count >= endSize else { throw fail("expected a zip archive, found \(bytes.count) bytes") }
    // A comment of up to 64 KiB may follow the end record.
    let lowest = max(0, bytes.count - endSize - 0xFFFF)
    var place = bytes.count - endSize
    while place >= lowest {
      if number(place, as: UInt32.self) == 0x0605_4B50,
        number(place + 20, as: UInt16.self) == bytes.count - place - endSize
      {
        return try readEnd(at: place)
      }
      place -= 1
    }
    throw fail("no directory at the end of the zip archive: truncated")
  }

  private func readEnd(at place: Int) throws(InferenceError) -> (start: Int, size: Int, count: Int) {
    guard try required(place + 4, as: UInt16.self) == 0 else { throw fail("one part of several of a zip archive") }
    var count = try required(place + 10, as: UInt16.self)
    var size = try required(place + 12, as: UInt32.self)
    var start = try required(place + 16, as: UInt32.self)
    var end = place
    if number(place - 20, as: UInt32.self) == 0x0706_4B50 {
      // The numbers of 64 bits stand before those of 32.
      end = try required(place - 12, as: UInt64.self)
      guard number(end, as: UInt32.self) == 0x0606_4B50 else { throw fail("a damaged end of the zip archive") }
      count = try required(end + 32, as: UInt64.self)
      size = try required(end + 40, as: UInt64.self)
      start = try required(end + 48, as: UInt64.self)
    }
    guard size <= end, start == end - size else {
      throw fail("expected a directory of \(size) bytes at \(start), before byte \(end)")
    }
    return (start, size, count)
  }

  private mutating func readDirectory(at start: Int, size: Int, count: Int) throws(InferenceError) {
    let end = start + size
    var place = start
    while place < end {
      guard place + 46 <= end, try required(place, as: UInt32.self) == 0x0201_4B50 else {
        throw fail("a damaged directory of the zip archive at byte \(place)")
      }
      let nameLength = try required(place + 28, as: UInt16.self)
      let extraLength = try required(place + 30, as: UInt16.self)
      let next = place + 46 + nameLength + extraLength + (try required(place + 32, as: UInt16.self))
      guard next <= end else { throw fail("a damaged directory of the zip archive at byte \(place)") }
      guard let name = String(validating: bytes[place + 46..<place + 46 + nameLength], as: UTF8.self) else {
        throw fail("an entry of the zip archive whose name is no UTF-8")
      }
      let entry = try readEntry(at: place, name: name, extra: place + 46 + nameLength, extraLength: extraLength)
      guard entries.updateValue(entry, forKey: name) == nil else {
        throw fail("two entries \"\(name)\" in the zip archive")
      }
      place = next
    }
    guard entries.count == count else {
      throw fail("expected \(count) entries in the zip archive, found \(entries.count)")
    }
  }

  private func readEntry(
    at place: Int, name: String, extra: Int, extraLength: Int
  ) throws(InferenceError) -> Entry {
    guard try required(place + 8, as: UInt16.self) & 1 == 0 else { throw fail("\"\(name)\" is encrypted") }
    let method: Entry.Method
    switch try required(place + 10, as: UInt16.self) {
    case 0: method = .stored
    case 8: method = .deflated
    case let other: throw fail("\"\(name)\" is compressed by method \(other); stored and deflated ones can be read")
    }
    var entry = Entry(
      method: method, checksum: UInt32(try required(place + 16, as: UInt32.self)),
      compressedSize: try required(place + 20, as: UInt32.self), size: try required(place + 24, as: UInt32.self),
      headerOffset: try required(place + 42, as: UInt32.self))
    // What does not fit into 32 bits stands in an extra field, in this order.
    var wide = try wideNumbers(extra, extraLength)
    for field in [\Entry.size, \.compressedSize, \.headerOffset] where entry[keyPath: field] == 0xFFFF_FFFF {
      guard !wide.isEmpty else { throw fail("\"\(name)\" lacks its size in the directory of the zip archive") }
      entry[keyPath: field] = wide.removeFirst()
    }
    if method == .stored, entry.size != entry.compressedSize {
      throw fail("\"\(name)\" has \(entry.size) bytes but takes \(entry.compressedSize)")
    }
    guard entry.compressedSize <= bytes.count, entry.size / Self.largestRatio <= entry.compressedSize else {
      throw fail("\"\(name)\" cannot have \(entry.size) bytes made of \(entry.compressedSize)")
    }
    return entry
  }

  private func wideNumbers(_ start: Int, _ length: Int) throws(InferenceError) -> [Int] {
    var place = start
    while place + 4 <= start + length {
      let kind = try required(place, as: UInt16.self)
      let size = try required(place + 2, as: UInt16.self)
      guard place + 4 + size <= start + length else { break }
      if kind == 1 {
        var result: [Int] = []
        for index in 0..<size / 8 { result.append(try required(place + 4 + index * 8, as: UInt64.self)) }
        return result
      }
      place += 4 + size
    }
    return []
  }

  // MARK: Content

  /// The content of an entry, checked against its checksum.
  ///
  /// - Parameter limit: How many bytes it may have at most.
  func content(_ name: String, limit: Int) throws(InferenceError) -> [UInt8] {
    guard let entry = entries[name] else { throw fail("no \"\(name)\" in the zip archive") }
    guard entry.size <= limit else { throw fail("\"\(name)\" has \(entry.size) bytes, expected at most \(limit)") }
    let header = entry.headerOffset
    guard header <= directoryStart, number(header, as: UInt32.self) == 0x0403_4B50 else {
      throw fail("\"\(name)\" is not where the directory of the zip archive says")
    }
    let start =
      header + 30 + (try required(header + 26, as: UInt16.self)) + (try required(header + 28, as: UInt16.self))
    guard start <= directoryStart, entry.compressedSize <= directoryStart - start else {
      throw fail("\"\(name)\" reaches beyond the zip archive's entries")
    }
    let content = bytes.withUnsafeBytes { all -> [UInt8]? in
      let stored = UnsafeRawBufferPointer(rebasing: all[start..<start + entry.compressedSize])
      switch entry.method {
      case .stored: return [UInt8](stored)
      case .deflated: return Zlib.inflate(stored, size: entry.size)
      }
    }
    guard let content else { throw fail("\"\(name)\" is damaged: its bytes cannot be inflated to \(entry.size)") }
    guard content.withUnsafeBytes(Zlib.crc32) == entry.checksum else {
      throw fail("\"\(name)\" is damaged: its bytes do not have their checksum")
    }
    return content
  }
}
