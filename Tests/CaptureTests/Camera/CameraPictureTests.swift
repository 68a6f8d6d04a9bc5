@testable import Capture
import Foundation
import Pixels
import Testing

/// Memory as a driver would lend it.
final class DriverBuffer {
  let memory: UnsafeMutableRawBufferPointer
  var filled: CameraBuffers.Filled

  init(_ bytes: [UInt8], capacity: Int? = nil, isDamaged: Bool = false) {
    memory = .allocate(byteCount: capacity ?? bytes.count, alignment: 4096)
    memory.initializeMemory(as: UInt8.self, repeating: 0xAA)
    memory.copyBytes(from: bytes)
    filled = CameraBuffers.Filled(
      index: 0, base: memory.baseAddress!, byteCount: bytes.count, capacity: memory.count, counter: 0, stamp: 0,
      isMonotonic: true, isDamaged: isDamaged)
  }

  deinit { memory.deallocate() }
}

/// How a camera would send a grey picture.
private func encode(_ picture: LumaImage, as name: String, bytesPerRow: Int) -> [UInt8] {
  var rows: [UInt8] = []
  for y in 0..<picture.height {
    var row: [UInt8] = []
    for sample in picture.pixels[y * picture.width..<(y + 1) * picture.width] {
      switch name {
      case "YUYV", "YVYU": row += [sample, 128]
      case "UYVY", "VYUY": row += [128, sample]
      case "Y10": row += [sample << 2, sample >> 6]
      case "Y12": row += [sample << 4, sample >> 4]
      case "Y16", "P010": row += [0, sample]
      case "Y16-BE": row += [sample, 0]
      case "RGB3", "BGR3": row += [sample, sample, sample]
      case "BX24", "BA24": row += [0, sample, sample, sample]
      case "XR24", "AR24", "BGR4": row += [sample, sample, sample, 0]
      default: row += [sample]
      }
    }
    rows += row + Array(repeating: 77, count: bytesPerRow - row.count)
  }
  // Chroma, for those that have it.
  if ["NV12", "YU12", "YV12", "NV21"].contains(name) {
    rows += Array(repeating: 128, count: bytesPerRow * ((picture.height + 1) / 2))
  }
  return rows
}

struct CameraPictureTests {
  private static let bytesPerSample = [
    "YUYV": 2, "YVYU": 2, "UYVY": 2, "VYUY": 2, "Y10": 2, "Y12": 2, "Y16": 2, "Y16-BE": 2, "P010": 2, "RGB3": 3,
    "BGR3": 3, "BX24": 4, "BA24": 4, "XR24": 4, "AR24": 4, "BGR4": 4,
  ]

  private func reader(
    _ name: String, width: Int, height: Int, bytesPerRow: Int, byteCount: Int, quantization: UInt32 = 1
  ) throws -> CameraPictureReader {
    try CameraPictureReader(
      PictureFormat(
        code: FourCC(name)!, width: width, height: height, bytesPerRow: bytesPerRow, byteCount: byteCount,
        quantization: quantization), descriptor: nil, name: "camera")
  }

  @Test(
    arguments: [
      "GREY", "NV12", "NV21", "YU12", "YV12", "YUYV", "YVYU", "UYVY", "VYUY", "Y10", "Y12", "Y16", "Y16-BE", "P010",
      "RGB3", "BGR3", "BX24", "XR24", "BA24", "AR24",
    ], [0, 24])
  func `luma is right whatever the format, with and without gaps between rows`(name: String, gap: Int) throws {
    let picture = cornerPicture(width: 70, height: 46)
    let bytesPerRow = 70 * (CameraPictureTests.bytesPerSample[name] ?? 1) + gap
    let buffer = DriverBuffer(encode(picture, as: name, bytesPerRow: bytesPerRow))
    let reader = try reader(
      name, width: 70, height: 46, bytesPerRow: bytesPerRow, byteCount: buffer.memory.count)
    let storage = CameraPicture()
    let result = try #require(reader.read(buffer.filled, into: storage, mayKeepBuffer: true))
    #expect(result.status == .ok)
    let isConverted = FourCC(name)!.reading == .converted
    #expect(result.luma.range == (isConverted ? .limited : .full))
    #expect(largestDifference(LumaImage(copying: result.luma), picture) <= (isConverted ? 2 : 0))
    #expect(result.keepsBuffer == (FourCC(name)!.reading == .direct))
  }

  @Test func `a luma plane is used where it lies, or copied where the driver runs short`() throws {
    let picture = cornerPicture(width: 64, height: 48)
    let buffer = DriverBuffer(encode(picture, as: "NV12", bytesPerRow: 80))
    let reader = try reader("NV12", width: 64, height: 48, bytesPerRow: 80, byteCount: buffer.memory.count)
    let storage = CameraPicture()
    let kept = try #require(reader.read(buffer.filled, into: storage, mayKeepBuffer: true))
    #expect(UnsafeRawPointer(kept.luma.base) == UnsafeRawPointer(buffer.memory.baseAddress!))
    #expect(kept.luma.bytesPerRow == 80)
    let copied = try #require(reader.read(buffer.filled, into: storage, mayKeepBuffer: false))
    #expect(!copied.keepsBuffer)
    #expect(LumaImage(copying: copied.luma) == picture)
    buffer.memory.initializeMemory(as: UInt8.self, repeating: 0)
    #expect(LumaImage(copying: copied.luma) == picture)
  }

  /// Samples are picked out over all awkward widths, at any offset, and never beyond the row's end.
  @Test(arguments: [0, 1], [0, LumaLayout.bestInstructionSet])
  func `samples between others are picked out exactly`(offset: Int, instructionSet: Int32) {
    var generator = SeededGenerator(seed: 5)
    for width in Array(1...70) + [127, 128, 640, 641] {
      let source = (0..<2 * width).map { _ in UInt8.random(in: 0...255, using: &generator) }
      // The row ends where the memory ends: the address sanitizer sees reads beyond it.
      let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: source.count)
      defer { memory.deallocate() }
      _ = memory.initialize(from: source)
      var target = [UInt8](repeating: 0, count: width + 1)
      target.withUnsafeMutableBufferPointer {
        LumaLayout(step: 2, offset: offset).gather(
          from: memory.baseAddress!, stride: 2 * width, width: width, height: 1, to: $0.baseAddress!,
          instructionSet: instructionSet)
      }
      #expect(target == (0..<width).map { source[2 * $0 + offset] } + [0], "width \(width)")
    }
  }

  @Test(arguments: ["GREY", "YUYV", "RGB3"])
  func `a picture cut short is damaged, one that no buffer could hold is none`(name: String) throws {
    let picture = cornerPicture(width: 64, height: 48)
    let bytesPerRow = 64 * (CameraPictureTests.bytesPerSample[name] ?? 1)
    let bytes = encode(picture, as: name, bytesPerRow: bytesPerRow)
    let reader = try reader(name, width: 64, height: 48, bytesPerRow: bytesPerRow, byteCount: bytes.count)
    for count in [0, 1, bytes.count / 2, bytes.count - 1] {
      let buffer = DriverBuffer(Array(bytes.prefix(count)), capacity: bytes.count)
      #expect(reader.read(buffer.filled, into: CameraPicture(), mayKeepBuffer: true)?.status == .damaged)
    }
    let tooSmall = DriverBuffer(Array(bytes.dropLast()))
    #expect(reader.read(tooSmall.filled, into: CameraPicture(), mayKeepBuffer: true) == nil)
    #expect(reader.lastComplaint != nil)
    let whole = DriverBuffer(bytes)
    #expect(reader.read(whole.filled, into: CameraPicture(), mayKeepBuffer: true)?.status == .ok)
    #expect(reader.lastComplaint == nil)
  }

  @Test(arguments: ["GREY", "UYVY", "BGR3"])
  func `a picture that the driver calls damaged is damaged`(name: String) throws {
    let bytesPerRow = 32 * (CameraPictureTests.bytesPerSample[name] ?? 1)
    let bytes = encode(cornerPicture(width: 32, height: 32), as: name, bytesPerRow: bytesPerRow)
    let reader = try reader(name, width: 32, height: 32, bytesPerRow: bytesPerRow, byteCount: bytes.count)
    let buffer = DriverBuffer(bytes, isDamaged: true)
    #expect(reader.read(buffer.filled, into: CameraPicture(), mayKeepBuffer: true)?.status == .damaged)
  }

  /// Quantisation: 0 as usual for the format, 1 full, 2 limited. Colour spaces: 7 JPEG, 8 sRGB, 11 raw.
  @Test(
    arguments: [
      ("YUYV", 0, 8, LumaRange.limited), ("YUYV", 1, 8, .full), ("YUYV", 2, 8, .limited), ("NV12", 0, 7, .full),
      ("NV12", 0, 11, .full), ("GREY", 0, 8, .full), ("GREY", 2, 8, .limited), ("Y16", 0, 0, .full),
      ("YU12", 0, 0, .limited),
    ] as [(String, UInt32, UInt32, LumaRange)])
  func `the range is the driver's, or what is usual`(
    name: String, quantization: UInt32, colorspace: UInt32, range: LumaRange
  ) {
    let format = PictureFormat(
      code: FourCC(name)!, width: 8, height: 8, colorspace: colorspace, quantization: quantization)
    #expect(format.lumaRange == range)
  }

  @Test(arguments: [
    // Nothing told, chroma counted in, padding, more than the buffer holds.
    (0, 640 * 480 * 3 / 2, 640), (960, 640 * 480 * 3 / 2, 640), (704, 704 * 480 * 3 / 2, 704), (5000, 460_800, 640),
    (639, 460_800, 640),
  ])
  func `the distance of rows is the driver's where it can be right`(told: Int, byteCount: Int, stride: Int) {
    let format = PictureFormat(
      code: FourCC("NV12")!, width: 640, height: 480, bytesPerRow: told, byteCount: byteCount)
    #expect(format.lumaStride(LumaLayout(step: 1)) == stride)
  }

  @Test(arguments: ["HSV3", "YUVO", "H264"])
  func `a format that nobody converts is refused at once`(name: String) {
    let error = #expect(throws: CaptureError.self) {
      try reader(name, width: 64, height: 48, bytesPerRow: 192, byteCount: 64 * 48 * 3)
    }
    #expect(error?.code == .unreadable)
  }

  /// So a camera is let go of while somebody still looks at its last picture.
  @Test func `memory of the driver gives way to a copy at the same place`() throws {
    let length = 3 * 4096
    let folder = try TemporaryFolder()
    let descriptor = open(folder.path("memory"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(descriptor) }
    try #require(descriptor >= 0 && ftruncate(descriptor, off_t(length)) == 0)
    func map() -> UnsafeMutableRawBufferPointer {
      let base = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
      return UnsafeMutableRawBufferPointer(start: base == MAP_FAILED ? nil : base, count: length)
    }
    let lent = map()
    let driver = map()
    try #require(lent.baseAddress != nil && driver.baseAddress != nil)
    defer {
      munmap(lent.baseAddress, length)
      munmap(driver.baseAddress, length)
    }
    for index in 0..<length { driver[index] = UInt8(truncatingIfNeeded: index &* 31) }
    try #require((0..<length).allSatisfy { lent[$0] == driver[$0] })
    CameraBuffers.replaceByCopy(try #require(lent.baseAddress), length)
    driver.initializeMemory(as: UInt8.self, repeating: 0)
    #expect((0..<length).allSatisfy { lent[$0] == UInt8(truncatingIfNeeded: $0 &* 31) })
  }

  /// The library would read beyond the buffer.
  @Test func `buffers smaller than the format says are refused`() {
    #expect(throws: CaptureError.self) {
      try reader("RGB3", width: 64, height: 48, bytesPerRow: 192, byteCount: 64 * 48)
    }
    #expect(throws: CaptureError.self) {
      try reader("GREY", width: 0, height: 48, bytesPerRow: 0, byteCount: 0)
    }
  }
}
