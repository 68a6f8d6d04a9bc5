import Capture
import Foundation
import TestSupport
import Testing

@testable import ferd

struct DevicesTests {
  private let schema: JSONSchema

  init() throws {
    schema = try JSONSchema(contentsOf: TestData.repository.appending(path: "docs/devices.schema.json"))
  }

  private static let webcam = CameraDescription(
    path: "/dev/video0", links: ["/dev/v4l/by-id/usb-HD_Webcam-video-index0"], name: "HD Webcam",
    driver: "uvcvideo",
    bus: "usb-0000:00:14.0-3",
    formats: [
      CameraFormat(
        code: FourCC("YUYV")!, description: "YUYV 4:2:2",
        sizes: [
          CameraSizes(
            width: 640, height: 480,
            rates: [
              CameraRates(FrameInterval(numerator: 1001, denominator: 30000)!),
              CameraRates(FrameInterval(rate: 15)!),
            ])
        ]),
      CameraFormat(code: FourCC("H264")!, description: "H.264", sizes: []),
      CameraFormat(
        code: FourCC("NV12")!, description: "Y/UV 4:2:0",
        sizes: [
          CameraSizes(
            widths: .init(smallest: 32, largest: 1920, step: 2),
            heights: .init(smallest: 32, largest: 1080, step: 2),
            rates: [CameraRates(slowest: FrameInterval(rate: 1)!, fastest: FrameInterval(rate: 60)!)])
        ]),
    ])
  private static let found: [Result<CameraDescription, CaptureError>] = [
    .success(webcam), .failure(CaptureError(.deviceUnavailable, input: "/dev/video2", "no permission")),
  ]

  private func json(_ report: DeviceReport) throws -> String {
    String(decoding: try JSONEncoder().encode(report), as: UTF8.self)
  }

  @Test func whatIsPrintedIsValid() throws {
    for report in [DeviceReport(DevicesTests.found), DeviceReport([])] {
      #expect(schema.problems(with: try ParsedJSON.parse(try json(report))).isEmpty)
    }
  }

  @Test(arguments: [
    (#""v":1"#, #""v":2"#), (#""width":640"#, #""width":0"#), (#""reading":"gathered""#, #""reading":"magic""#),
    (#""format":"YUYV""#, #""format":"""#), (#""message":"no permission""#, #""message":7"#),
    (#""max":15"#, #""max":0"#), (#""driver":"uvcvideo""#, #""drivers":"uvcvideo""#),
  ])
  func theSchemaRefusesWhatIsNot(part: String, replacement: String) throws {
    let text = try json(DeviceReport(DevicesTests.found))
    let damaged = text.replacing(part, with: replacement, maxReplacements: 1)
    #expect(damaged != text)
    #expect(!schema.problems(with: try ParsedJSON.parse(damaged)).isEmpty)
  }

  @Test func theTextSaysTheSameToPeople() {
    #expect(
      DeviceReport(DevicesTests.found).text == """
        /dev/video0  HD Webcam (uvcvideo, usb-0000:00:14.0-3)
          also /dev/v4l/by-id/usb-HD_Webcam-video-index0
          YUYV  YUYV 4:2:2
            640x480 at 29.97, 15 frames/s
          H264  H.264, which ferd cannot read
          NV12  Y/UV 4:2:0
            32x32 to 1920x1080 in steps of 2x2 at 1 to 60 frames/s

        """)
  }

  @Test(arguments: [("/dev/video4711", 66), ("/dev/null", 69)] as [(String, Int32)])
  func aDeviceThatIsNamedMustBeACamera(path: String, status: Int32) throws {
    let result = try FerdProcess.run(["devices", "--json", path])
    #expect(result.status == status)
    #expect(result.errors.hasPrefix("ferd: error: \(path): "))
    let object = try ParsedJSON.parse(result.output)
    #expect(schema.problems(with: object).isEmpty)
    #expect(object["problems"]?[0]?["path"]?.string == path)
  }

  /// With or without cameras.
  @Test func theProgramPrintsOneObject() throws {
    let result = try FerdProcess.run(["devices", "--json"])
    #expect(result.status == 0)
    #expect(schema.problems(with: try ParsedJSON.parse(result.output)).isEmpty)
    #expect(try FerdProcess.run(["devices"]).status == 0)
  }
}
