import Capture
import Foundation
import Pixels
import Testing

/// Streams from a small RTSP server (RFC 2326) that sends H.264 (RFC 6184) inside the RTSP connection.
struct RTSPTests {
  /// The NAL units of a raw H.264 stream (Annex B), without their start codes.
  private static func units(_ stream: [UInt8]) -> [[UInt8]] {
    var starts: [(code: Int, body: Int)] = []
    for index in stream.indices.dropLast(3) where stream[index...].starts(with: [0, 0, 1]) {
      starts.append((index, index + 3))
    }
    return starts.indices.map { index in
      let end = index + 1 < starts.count ? starts[index + 1].code : stream.count
      var unit = Array(stream[starts[index].body..<end])
      while unit.last == 0 { unit.removeLast() }
      return unit
    }
  }

  /// Serves one stream of 25 frames per second to each client.
  ///
  /// - Parameter seconds: the length that it announces, as recordings have one.
  private static func server(_ units: [[UInt8]], seconds: Double? = nil) throws -> LoopbackServer {
    try LoopbackServer { connection in
      while let head = connection.readHead() {
        let method = head[0].prefix { $0 != " " }
        let number = head.first { $0.lowercased().hasPrefix("cseq:") }?.dropFirst(5).filter(\.isNumber) ?? "0"
        func answer(_ fields: String, body: String = "") {
          connection.send(
            "RTSP/1.0 200 OK\r\nCSeq: \(number)\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
        switch method {
        case "OPTIONS": answer("Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n")
        case "DESCRIBE":
          let description =
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
            + (seconds.map { "a=range:npt=0-\($0)\r\n" } ?? "")
            + "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track0\r\n"
          answer("Content-Type: application/sdp\r\n", body: description)
        case "SETUP": answer("Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n")
        case "PLAY":
          answer("Session: 1\r\n")
          send(units, to: connection)
          return
        default: answer("Session: 1\r\n")
        }
      }
    }
  }

  /// One RTP packet for each NAL unit; a coded slice ends its frame.
  private static func send(_ units: [[UInt8]], to connection: LoopbackServer.Connection) {
    var frame = 0
    for (index, unit) in units.enumerated() {
      let isSlice = [1, 5].contains(unit[0] & 31)
      // FFmpeg takes a first timestamp of zero for none.
      let time = 9000 + frame * 3600
      let rtp =
        [0x80, isSlice ? 0xE0 : 0x60] + [8, 0].map { UInt8(truncatingIfNeeded: index >> $0) }
        + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: time >> $0) } + [0, 0, 0, 7] + unit
      let length = [8, 0].map { UInt8(truncatingIfNeeded: rtp.count >> $0) }
      guard connection.send(Data([0x24, 0] + length + rtp)) else { return }
      frame += isSlice ? 1 : 0
    }
  }

  private static func clip(frames: Int) throws -> [[UInt8]] {
    let folder = try TemporaryFolder()
    let path = folder.path("clip.h264")
    var options = VideoWriterOptions()
    options.codec = "libx264"
    options.encoderOptions = ["x264-params": "slices=1:sliced-threads=0"]
    try writeNumberedClip(path, frames: frames, options: options)
    return units([UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
  }

  @Test func `a camera gives every frame in order`() throws {
    let server = try RTSPTests.server(try RTSPTests.clip(frames: 60))
    defer { withExtendedLifetime(server) {} }
    let source = try openSource("rtsp://127.0.0.1:\(server.port)/camera")
    #expect(source.info.width == 64 && source.info.height == 48)
    let frame = source.makeFrame()
    var middles: [Int] = []
    var times: [Int64] = []
    do {
      while try source.read(into: frame) {
        let luma = frame.luma!
        middles.append(Int(LumaImage(copying: luma).pixels[luma.width * 24 + 32]))
        times.append(frame.presentationTimeNanoseconds)
      }
    } catch {
      // A live stream has no end but the connection's.
      #expect(error.code == .inputOutput)
    }
    #expect(middles.count == 60)
    #expect(zip(middles, 0...).allSatisfy { abs($0 - Int(brightness(ofFrame: $1))) <= 4 })
    #expect(times == (0..<60).map { Int64($0) * 40_000_000 })
  }

  @Test(arguments: [(2.4, false), (10, true)])
  func `a recording that is shorter than announced was cut off`(seconds: Double, isCutOff: Bool) throws {
    let server = try RTSPTests.server(try RTSPTests.clip(frames: 60), seconds: seconds)
    defer { withExtendedLifetime(server) {} }
    let source = try openSource("rtsp://127.0.0.1:\(server.port)/recording")
    #expect(!source.info.isLive)
    let frame = source.makeFrame()
    var count = 0
    var failure: CaptureError?
    do {
      while try source.read(into: frame) { count += 1 }
    } catch {
      failure = error
    }
    #expect(count == 60)
    #expect(failure?.code == (isCutOff ? .inputOutput : nil), "\(failure.map { "\($0)" } ?? "no failure")")
    #expect(failure.map { "\($0)".contains("after 2 of 10 seconds") } ?? !isCutOff)
  }
}
