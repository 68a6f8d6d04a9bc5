@testable import Capture
import Testing

struct FourCCTests {
  @Test(arguments: [
    ("YUYV", "YUYV"), ("yuyv", "YUYV"), ("Y16", "Y16"), ("y16-be", "Y16-BE"), ("MJPEG", "MJPG"), ("mjpeg", "MJPG"),
    ("YUY2", "YUYV"), ("I420", "YU12"), ("gray", "GREY"), ("rgb24", "RGB3"), ("pgAA", "pgAA"), ("pGAA", "pGAA"),
    ("422P", "422P"),
  ])
  func `names are read as people write them`(text: String, name: String) throws {
    #expect(try #require(FourCC(text)).description == name)
  }

  @Test(arguments: ["", "TOOLONG", " YUY", "YÜV", "-BE", "YUYVX-BE", "Y\u{7}", "YUYV "])
  func `anything else is refused`(text: String) { #expect(FourCC(text) == nil) }

  @Test func `codes are the kernel's`() {
    // 'Y' 'U' 'Y' 'V', the first in the lowest byte; the highest bit is for big-endian samples.
    #expect(FourCC("YUYV")?.code == 0x5659_5559)
    #expect(FourCC("Y16")?.code == 0x2036_3159)
    #expect(FourCC("Y16-BE")?.code == 0xA036_3159)
  }

  @Test(arguments: [0, 1, 0xFFFF_FFFF, 0x0010_2030] as [UInt32])
  func `codes that are no text can be shown`(code: UInt32) {
    #expect(!FourCC(code: code).description.isEmpty)
  }

  @Test(arguments: [
    ("GREY", CameraReading.direct), ("NV12", .direct), ("YU12", .direct), ("NM12", .direct), ("YUYV", .gathered),
    ("UYVY", .gathered), ("Y16", .gathered), ("MJPG", .decoded), ("JPEG", .decoded), ("RGB3", .converted),
    ("RGGB", .converted), ("PJPG", .converted),
  ])
  func `each format is read in the cheapest way`(name: String, reading: CameraReading) {
    #expect(FourCC(name)?.reading == reading)
  }

  /// HSV makes libv4lconvert 1.22 write beyond its memory.
  @Test(arguments: ["HSV3", "HSV4", "H264", "VP80", "YUVO", "XXXX"])
  func `what nobody can read is not read`(name: String) { #expect(FourCC(name)?.reading == nil) }
}
