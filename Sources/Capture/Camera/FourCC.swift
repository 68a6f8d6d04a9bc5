/// The code by which V4L2 knows a pixel format: four characters, with the highest bit set for big-endian samples.
public struct FourCC: Hashable, Sendable {
  public var code: UInt32

  public init(code: UInt32) { self.code = code }

  private static let bigEndian: UInt32 = 1 << 31

  /// Names under which other programs know the same formats.
  private static let synonyms = [
    "MJPEG": "MJPG", "YUY2": "YUYV", "YUYV422": "YUYV", "UYVY422": "UYVY", "I420": "YU12", "YUV420P": "YU12",
    "YUV420": "YU12", "GRAY": "GREY", "GRAY8": "GREY", "Y800": "GREY", "Y8": "GREY", "RGB24": "RGB3",
    "BGR24": "BGR3",
  ]

  /// Those in which upper and lower case matter.
  private static let mixedCase: Set = ["pBAA", "pGAA", "pgAA", "pRAA"]

  /// From one to four characters (`YUYV`, `Y16`), with `-BE` behind them for big-endian samples; some usual names
  /// (`MJPEG`, `YUY2`, `I420`, `GRAY`) work too. Lower case stands for upper case.
  public init?(_ name: String) {
    var text = FourCC.mixedCase.contains(name) ? name : name.uppercased()
    text = FourCC.synonyms[text] ?? text
    code = 0
    if text.hasSuffix("-BE") {
      code = FourCC.bigEndian
      text.removeLast(3)
    }
    let bytes = Array(text.utf8)
    guard 1...4 ~= bytes.count, bytes.allSatisfy({ 0x20..<0x7F ~= $0 }), bytes[0] != 0x20 else { return nil }
    for (index, byte) in (bytes + Array(repeating: 0x20, count: 4 - bytes.count)).enumerated() {
      code |= UInt32(byte) << (8 * index)
    }
  }
}

extension FourCC: CustomStringConvertible {
  /// As `init?(_:)` takes it: without spaces at the end; what is no printable character shows as `?`.
  public var description: String {
    var characters = (0..<4).map { index -> Character in
      let byte = UInt8(truncatingIfNeeded: (code & ~FourCC.bigEndian) >> (8 * UInt32(index)))
      return 0x20..<0x7F ~= byte ? Character(UnicodeScalar(byte)) : "?"
    }
    while characters.last == " " { characters.removeLast() }
    return String(characters) + (code & FourCC.bigEndian != 0 ? "-BE" : "")
  }
}
