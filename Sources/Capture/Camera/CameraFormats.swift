/// How pictures of a pixel format become luma; the cheapest first.
public enum CameraReading: String, Sendable, Comparable, CaseIterable {
  /// The luma plane is used where the camera's driver puts it.
  case direct
  /// Luma samples are picked out from between others, or rounded to eight bits.
  case gathered
  /// JPEG pictures, decoded by libavcodec.
  case decoded
  /// Everything else: converted by libv4l.
  case converted

  private var rank: Int { CameraReading.allCases.firstIndex(of: self)! }

  public static func < (left: CameraReading, right: CameraReading) -> Bool { left.rank < right.rank }
}

/// A pixel format that libv4l converts.
struct LibraryFormat: Equatable, Sendable {
  enum Luma: Equatable, Sendable {
    /// Computed from colours, in the limited range of BT.601.
    case computed
    /// Taken over as it comes.
    case copied
    /// From JPEG, full range.
    case jpeg
  }

  var luma: Luma
  /// Whether a picture may be shorter than its buffer.
  var isCompressed: Bool
}

extension FourCC {
  /// How pictures of this format are read; nil where nobody here can.
  var reading: CameraReading? {
    if let layout = lumaLayout { return layout.isPlain8Bit ? .direct : .gathered }
    if FourCC.jpeg.contains(self) { return .decoded }
    return libraryFormat == nil ? nil : .converted
  }

  /// Where the luma lies in the (first) plane; nil for formats without such a plane.
  var lumaLayout: LumaLayout? { FourCC.lumaLayouts[self] }

  /// nil for formats that libv4l does not know. What it says to know but breaks down over (HSV) is not among them.
  var libraryFormat: LibraryFormat? { FourCC.libraryFormats[self] }

  /// Whether it has brightness alone: then the full range is used unless the driver says otherwise.
  var isGrey: Bool { FourCC.greys.contains(self) }

  private static func all(_ names: [String]) -> [FourCC] { names.map { FourCC($0)! } }

  private static let greys = Set(all(["GREY", "Y04", "Y06", "Y10", "Y10B", "Y12", "Y14", "Y16", "Y16-BE"]))

  /// One JPEG picture in each buffer.
  private static let jpeg = Set(all(["MJPG", "JPEG"]))

  /// Chroma samples for each sample of luma, in the same piece of memory behind it.
  var chromaShare: Double { FourCC.chromaShares[self] ?? 0 }

  private static let chromaShares: [FourCC: Double] = {
    var shares: [FourCC: Double] = [:]
    for code in all(["YUV9", "YVU9"]) { shares[code] = 0.125 }
    for code in all(["NV12", "NV21", "YU12", "YV12", "411P"]) { shares[code] = 0.5 }
    for code in all(["NV16", "NV61", "422P"]) { shares[code] = 1 }
    for code in all(["NV24", "NV42"]) { shares[code] = 2 }
    return shares
  }()

  private static let lumaLayouts: [FourCC: LumaLayout] = {
    var layouts: [FourCC: LumaLayout] = [:]
    for code in all(["GREY"]) + chromaShares.keys { layouts[code] = LumaLayout(step: 1) }
    // With a piece of memory for each plane.
    for code in all(["NM12", "NM21", "NM16", "NM61", "YM12", "YM21", "YM16", "YM61", "YM24", "YM42"]) {
      layouts[code] = LumaLayout(step: 1)
    }
    for code in all(["YUYV", "YVYU"]) { layouts[code] = LumaLayout(step: 2) }
    for code in all(["UYVY", "VYUY"]) { layouts[code] = LumaLayout(step: 2, offset: 1) }
    // Deep grey in the lower bits of two bytes; P010 in the upper ones.
    for (name, depth) in [("Y10", 10), ("Y12", 12), ("Y14", 14), ("Y16", 16), ("Y16-BE", 16), ("P010", 16)] {
      layouts[FourCC(name)!] = LumaLayout(
        step: 2, shift: depth - 8, isTwoBytes: true, isBigEndian: name.hasSuffix("-BE"))
    }
    return layouts
  }()

  private static let libraryFormats: [FourCC: LibraryFormat] = {
    var formats: [FourCC: LibraryFormat] = [:]
    // RGB, and Bayer patterns of 8, 10 and 16 bits.
    for code in all([
      "RGB3", "BGR3", "RGB4", "BGR4", "BX24", "XR24", "BA24", "AR24", "RGBP", "BA81", "GBRG", "GRBG", "RGGB",
      "BG10",
      "GB10", "BA10", "RG10", "pBAA", "pGAA", "pgAA", "pRAA", "BYR2", "GB16", "GR16", "RG16", "S680",
    ]) {
      formats[code] = LibraryFormat(luma: .computed, isCompressed: false)
    }
    for code in all(["Y04", "Y06", "Y10B", "M420", "HM12", "KONI", "CITV", "S501", "S505", "S508", "S920"]) {
      formats[code] = LibraryFormat(luma: .copied, isCompressed: false)
    }
    // What webcams sent before there were standards.
    for code in all(["P207", "M310", "S910", "SONX", "S561", "905C", "S401"]) {
      formats[code] = LibraryFormat(luma: .computed, isCompressed: true)
    }
    for code in all(["CPIA", "O511", "O518"]) {
      formats[code] = LibraryFormat(luma: .copied, isCompressed: true)
    }
    for code in all(["PJPG", "JPGL", "JL20"]) {
      formats[code] = LibraryFormat(luma: .jpeg, isCompressed: true)
    }
    return formats
  }()
}
