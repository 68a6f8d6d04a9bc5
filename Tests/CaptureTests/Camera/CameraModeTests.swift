@testable import Capture
import Testing

private func rates(_ values: [Double]) -> [CameraRates] { values.map { CameraRates(FrameInterval(rate: $0)!) } }

private func format(_ name: String, _ sizes: [(Int, Int, [Double])]) -> CameraFormat {
  CameraFormat(
    code: FourCC(name)!, description: name,
    sizes: sizes.map { CameraSizes(width: $0.0, height: $0.1, rates: rates($0.2)) })
}

/// What a usual webcam offers: raw pictures as fast as USB 2 carries them, everything in MJPEG.
private let webcam = [
  format("MJPG", [(1920, 1080, [30]), (1280, 720, [30]), (640, 480, [30]), (640, 360, [30]), (320, 240, [30])]),
  format(
    "YUYV", [(640, 480, [30, 15]), (640, 360, [30]), (1280, 720, [10]), (1920, 1080, [5]), (320, 240, [30])]),
  format("H264", [(1920, 1080, [30])]),
]

private func choose(
  _ formats: [CameraFormat], size: String? = nil, rate: Double? = nil, format: String? = nil
) throws -> CameraMode {
  try CameraMode.choose(
    from: formats,
    options: CameraOptions(
      size: size.map { CameraOptions.Size($0)! }, rate: rate, format: format.map { FourCC($0)! }),
    current: CameraOptions.Size(width: 800, height: 600), name: "/dev/video9")
}

private func text(_ mode: CameraMode) -> String {
  "\(mode.format) \(mode.width)x\(mode.height)" + (mode.interval.map { " at \($0.rate)" } ?? "")
}

struct CameraModeTests {
  @Test func `raw pictures of moderate size at 30 frames a second win`() throws {
    #expect(text(try choose(webcam)) == "YUYV 640x360 at 30.0")
  }

  @Test(
    arguments: [
      ("1280x720", nil, nil, "MJPG 1280x720 at 30.0"),
      ("1280x720", 10, nil, "YUYV 1280x720 at 10.0"),
      ("640x480", nil, nil, "YUYV 640x480 at 30.0"),
      ("640x480", 12, nil, "YUYV 640x480 at 15.0"),
      ("640x480", nil, "MJPEG", "MJPG 640x480 at 30.0"),
      (nil, nil, "mjpg", "MJPG 640x360 at 30.0"),
      ("1920x1080", 60, nil, "MJPG 1920x1080 at 30.0"),
      ("1920x1080", nil, "yuyv", "YUYV 1920x1080 at 5.0"),
    ] as [(String?, Double?, String?, String)])
  func `what the user names is kept to`(size: String?, rate: Double?, format: String?, expected: String) throws {
    #expect(text(try choose(webcam, size: size, rate: rate, format: format)) == expected)
  }

  @Test func `a rate that is 30 in name only is fast enough`() throws {
    let camera = [
      CameraFormat(
        code: FourCC("YUYV")!, description: "",
        sizes: [
          CameraSizes(
            width: 640, height: 480,
            rates: [CameraRates(FrameInterval(numerator: 1001, denominator: 30000)!)] + rates([60]))
        ])
    ]
    #expect(try choose(camera).interval == FrameInterval(numerator: 1001, denominator: 30000))
  }

  @Test func `a size that is too small costs more than a rate that is somewhat low`() throws {
    #expect(
      text(try choose([format("YUYV", [(160, 120, [30]), (1280, 720, [25])])])) == "YUYV 1280x720 at 25.0")
    #expect(text(try choose([format("YUYV", [(640, 480, [20]), (320, 240, [30])])])) == "YUYV 640x480 at 20.0")
  }

  @Test func `the cheaper format wins where the rest is the same`() throws {
    let size = [(640, 480, [30.0])]
    let formats = ["RGB3", "MJPG", "YUYV", "NV12", "GREY"].map { format($0, size) }
    for count in 1...5 {
      #expect(try choose(Array(formats[..<count])).format == formats[count - 1].code)
      #expect(try choose(formats[..<count].reversed()).format == formats[count - 1].code)
    }
  }

  @Test func `on a grid of sizes the nearest one is taken`() throws {
    let camera = [
      CameraFormat(
        code: FourCC("NV12")!, description: "",
        sizes: [
          CameraSizes(
            widths: .init(smallest: 48, largest: 1920, step: 16),
            heights: .init(smallest: 32, largest: 1080, step: 8),
            rates: [CameraRates(slowest: FrameInterval(rate: 1)!, fastest: FrameInterval(rate: 120)!)])
        ])
    ]
    #expect(text(try choose(camera)) == "NV12 640x480 at 30.0")
    #expect(text(try choose(camera, size: "720x576", rate: 12.5)) == "NV12 720x576 at 12.5")
    #expect(text(try choose(camera, rate: 500)) == "NV12 640x480 at 120.0")
    #expect(throws: CaptureError.self) { try choose(camera, size: "721x576") }
  }

  @Test func `a driver that tells no sizes and rates is asked for what it has`() throws {
    let camera = [CameraFormat(code: FourCC("YUYV")!, description: "", sizes: [])]
    #expect(text(try choose(camera)) == "YUYV 800x600")
    #expect(text(try choose(camera, size: "123x45", rate: 5)) == "YUYV 123x45")
  }

  @Test(
    arguments: [
      (
        "800x600", nil,
        "expected a size that the camera offers (1920x1080, 1280x720, 640x480, 640x360, 320x240), not 800x600"
      ),
      (nil, "GREY", "expected a format that the camera offers (MJPG, YUYV, H264), not GREY"),
      (nil, "H264", "pictures in H264 cannot be read; the camera offers MJPG, YUYV, H264"),
    ] as [(String?, String?, String)])
  func `what it does not offer is refused with what it does`(size: String?, format: String?, message: String) {
    #expect(throws: CaptureError(.unreadable, input: "/dev/video9", message)) {
      try choose(webcam, size: size, format: format)
    }
  }

  @Test func `a camera without a format that can be read is refused`() {
    #expect(
      throws: CaptureError(.unreadable, input: "/dev/video9", "none of the camera's formats (H264) can be read")
    ) {
      try choose([format("H264", [(640, 480, [30])])])
    }
    #expect(throws: CaptureError(.unreadable, input: "/dev/video9", "the camera offers no pixel format")) {
      try choose([])
    }
  }

  @Test(arguments: ["", "640", "640x", "x480", "640x480x3", "0x480", "-1x5", "640×480", "99999x1", "6 40x480"])
  func `sizes that are none are refused`(text: String) { #expect(CameraOptions.Size(text) == nil) }

  @Test func `sizes are read in either case`() {
    #expect(CameraOptions.Size("640x480") == CameraOptions.Size(width: 640, height: 480))
    #expect(CameraOptions.Size("640X480")?.description == "640x480")
  }

  /// Drivers may tell anything.
  @Test func `steps that make no sense do no harm`() {
    let steps = CameraSizes.Steps(smallest: 0, largest: -5, step: 0)
    #expect(steps.nearest(to: 640) == 1)
    #expect(FrameInterval(numerator: 0, denominator: 30) == nil)
    #expect(FrameInterval(numerator: 1, denominator: 0) == nil)
    for rate in [0, -1, Double.nan, .infinity] { #expect(FrameInterval(rate: rate) == nil) }
    let odd = CameraSizes.Steps(smallest: 10, largest: 25, step: 10)
    #expect(odd.nearest(to: 25) == 20)
    #expect(odd.nearest(to: 1) == 10)
  }
}
