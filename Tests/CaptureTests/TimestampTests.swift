@testable import Capture
import Foundation
import Pixels
import Testing

struct TimestampTests {
  @Test(arguments: ["mp4", "mkv", "ts", "webm"])
  func `a variable frame rate keeps its times`(container: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("variable.\(container)")
    // In fiftieths of a second: bursts, pauses, one of them longer than a second.
    let timestamps = [0, 1, 2, 10, 11, 60, 61, 62, 150, 151, 155, 200]
    var options = VideoWriterOptions()
    options.frameRate = (50, 1)
    if container == "webm" { options.codec = "libvpx" }
    try writeNumberedClip(path, frames: timestamps.count, timestamps: timestamps, options: options)

    let frames = try readAll(path)
    // Matroska counts milliseconds, the others finer.
    #expect(frames.map { ($0.nanoseconds + 500_000) / 1_000_000 } == timestamps.map { Int64($0) * 20 })
    #expect(frames.map(\.sequence) == Array(timestamps.indices))
    for frame in frames { #expect(abs(frame.middle - Int(brightness(ofFrame: frame.sequence))) <= 4) }
  }

  @Test func `a fractional rate is exact to the time base`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("ntsc.mp4")
    var options = VideoWriterOptions()
    options.frameRate = (30000, 1001)
    try writeNumberedClip(path, frames: 100, options: options)
    let source = try openSource(path)
    #expect(abs(source.info.frameRate! - 29.97) < 0.001)
    #expect(source.info.estimatedFrameCount == 100)
    for (index, frame) in try readAll(source).enumerated() {
      let exact = Double(index) * 1001 / 30000 * 1e9
      #expect(abs(Double(frame.nanoseconds) - exact) <= 1)
    }
  }

  @Test func `a stream without timestamps runs at its rate`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("raw.m4v")
    var options = VideoWriterOptions()
    options.codec = "mpeg4"
    try writeNumberedClip(path, frames: 30, options: options)
    let times = try readAll(path).map(\.nanoseconds)
    #expect(times == (0..<30).map { Int64($0) * 40_000_000 })
  }

  @Test func `a clock starts at zero and counts on without timestamps`() {
    var clock = StreamClock(usualDuration: 40)
    #expect(clock.time(of: 5_000) == 0)
    #expect(clock.time(of: 5_030) == 30)
    #expect(clock.time(of: nil) == 70)
    #expect(clock.time(of: nil, duration: 10) == 80)
    #expect(clock.time(of: 5_100) == 100)
  }

  @Test func `equal and slightly earlier times are nudged on`() {
    var clock = StreamClock(usualDuration: 40)
    let times = [1_000, 1_100, 1_100, 1_050, 1_200].map { clock.time(of: $0) }
    #expect(times == [0, 100, 101, 102, 200])
  }

  @Test(arguments: [320, 9_000_000_000] as [Int64])
  func `a jump back by eight frames or more moves the origin`(end: Int64) {
    var clock = StreamClock(usualDuration: 40)
    _ = clock.time(of: 0)
    #expect(clock.time(of: end) == end)
    #expect(clock.time(of: 0) == end + 40)
    #expect(clock.time(of: 1_000) == end + 1_040)
  }

  @Test func `short recordings one behind the other go on in time`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("clip.ts")
    try writeNumberedClip(path, frames: 10)
    let once = try Data(contentsOf: URL(fileURLWithPath: path))
    try (once + once).write(to: URL(fileURLWithPath: path))
    let times = try readAll(path).map(\.nanoseconds)
    #expect(times.count == 20)
    #expect(zip(times, times.dropFirst()).allSatisfy { 30_000_000...50_000_000 ~= $1 - $0 }, "\(times)")
  }

  @Test func `times at the ends of their range do not trap`() {
    var clock = StreamClock(usualDuration: 40)
    var last: Int64 = -1
    let middle: Int64 = 1 << 62
    let times: [Int64?] = [.min, .max, .min, 0, .max - 1, nil, nil, .max, middle, middle, 0, middle + 1, nil]
    for time in times {
      let next = clock.time(of: time, duration: .max)
      #expect(next > last)
      last = next
    }
  }
}
