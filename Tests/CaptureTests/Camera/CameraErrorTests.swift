@testable import Capture
import Foundation
import Glibc
import Testing

struct CameraErrorTests {
  @Test(arguments: [
    (ENOENT, CaptureError.Code.noSuchInput, "ferd devices"), (EACCES, .deviceUnavailable, "usermod -aG video"),
    (EPERM, .deviceUnavailable, "usermod -aG video"), (EBUSY, .deviceUnavailable, "fuser -v /dev/video0"),
    (ENODEV, .deviceUnavailable, "no camera is behind this node"),
    (EMFILE, .deviceUnavailable, "Too many open files"),
  ])
  func `what keeps a camera from opening says what to do`(code: Int32, kind: CaptureError.Code, advice: String) {
    let error = CameraErrors.opening("/dev/video0", code: code)
    #expect(error.code == kind)
    #expect(error.message.contains(advice), "\(error.message)")
  }

  @Test(arguments: [
    (EBUSY, "another program uses the camera"), (ENODEV, "unplugged"), (ENOSPC, "bandwidth"), (EIO, "failure"),
    (EINVAL, "cannot start: Invalid argument"),
  ])
  func `what stops a camera is unavailability, which is worth another try`(code: Int32, advice: String) {
    let error = CameraErrors.using("/dev/video0", doing: "start", code: code)
    #expect(error.code == .deviceUnavailable)
    #expect(error.message.contains(advice), "\(error.message)")
  }

  @Test func `a camera that is not there is no such input`() {
    let error = #expect(throws: CaptureError.self) { try CameraSource("/dev/video4711") }
    #expect(error?.code == .noSuchInput)
  }

  @Test(arguments: ["/dev/null", "/dev/zero", "/", "/proc/self/exe"])
  func `what is no camera is refused`(path: String) {
    let error = #expect(throws: CaptureError.self) { try CameraSource(path) }
    #expect(error?.code == .deviceUnavailable)
    #expect(error?.message.hasPrefix("not a camera") == true)
    #expect(!CameraSource.isCamera(path))
  }

  @Test(arguments: [
    ("/dev/video4711", CaptureError.Code.noSuchInput), ("/dev/null", .deviceUnavailable),
    ("/nowhere/clip.mp4", .noSuchInput), ("/dev/fd/4711", .noSuchInput), ("clip.mp4", .noSuchInput),
  ])
  func `a live stream of a camera that is none is refused`(input: String, code: CaptureError.Code) {
    let error = #expect(throws: CaptureError.self) { try openLiveSource(input) }
    #expect(error?.code == code, "\(String(describing: error))")
  }

  @Test(arguments: [
    ("/dev/null", true), ("/dev/video4711", true), ("/dev/stdin", false), ("/dev/fd/0", false), ("-", false),
    ("/proc/self/exe", false), ("/etc", false), ("rtsp://camera/live", false), ("dev/video0", false),
  ])
  func `devices are told from files`(input: String, isCamera: Bool) {
    #expect(CameraSource.isMeant(by: input) == isCamera)
  }

  @Test func `a folder without nodes has no cameras, and what is no device is none`() throws {
    let folder = try TemporaryFolder()
    #expect(CameraSource.list(in: folder.path("missing")).isEmpty)
    for name in ["video0", "video", "videoX", "video-1", "vbi0"] {
      try Data().write(to: URL(fileURLWithPath: folder.path(name)))
    }
    #expect(CameraSource.list(in: folder.url.path).isEmpty)
  }

  @Test func `nodes that cannot be opened are told`() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(atPath: folder.path("video1"), withDestinationPath: "/dev/null/x")
    try FileManager.default.createDirectory(atPath: folder.path("video0"), withIntermediateDirectories: true)
    let problems = CameraSource.list(in: folder.url.path)
    #expect(problems.count == 2)
    #expect(problems.allSatisfy { if case .failure = $0 { true } else { false } })
  }
}
