import Testing

@testable import Capture

struct DecodingBacklogTests {
  private static let millisecond: Int64 = 1_000_000

  /// Packets 40 ms apart that a decoder takes `cost` milliseconds each for, read from a buffer that fills in real time.
  private func efforts(cost: Int64, packets: Int, drift: Double = 0, burst: Int = 0) -> [DecodingBacklog.Effort] {
    var backlog = DecodingBacklog()
    var now: Int64 = 5_000_000_000
    let start = now
    return (0..<packets).map { index in
      let time = Int64(index) * 40 * Self.millisecond
      let sent = start + Int64(Double(max(0, index - burst)) * 40 * (1 + drift)) * Self.millisecond
      let waited = max(0, sent - now)
      now += waited
      backlog.note(waited: waited, arrival: now, time: time)
      now += cost * Self.millisecond
      return backlog.effort
    }
  }

  @Test func aDecoderThatIsQuickEnoughLeavesNothingOut() {
    #expect(efforts(cost: 30, packets: 500).allSatisfy { $0 == .allFrames })
  }

  @Test func aDecoderThatIsTooSlowLeavesOutMoreAndMore() {
    let efforts = efforts(cost: 50, packets: 400)
    #expect(efforts[30] == .allFrames && efforts[60] == .neededFrames && efforts[399] == .keyFrames)
  }

  @Test func whenTheBacklogIsGoneAllFramesAreDecodedAgain() {
    var backlog = DecodingBacklog()
    backlog.note(waited: 40 * Self.millisecond, arrival: 0, time: 0)
    backlog.note(waited: 0, arrival: 2000 * Self.millisecond, time: 40 * Self.millisecond)
    #expect(backlog.effort == .keyFrames)
    backlog.note(waited: 0, arrival: 2010 * Self.millisecond, time: 1900 * Self.millisecond)
    #expect(backlog.effort == .keyFrames)
    backlog.note(waited: 30 * Self.millisecond, arrival: 2040 * Self.millisecond, time: 2000 * Self.millisecond)
    #expect(backlog.effort == .allFrames)
  }

  /// A clock that runs a hundredth too slow is two seconds late after three minutes.
  @Test(arguments: [0.01, -0.01])
  func clocksThatDifferDoNoHarm(drift: Double) {
    #expect(efforts(cost: 5, packets: 10_000, drift: drift).allSatisfy { $0 == .allFrames })
  }

  /// Servers begin with what they have kept since the last key frame.
  @Test func whatComesAtOnceAtTheBeginningDoesNoHarm() {
    #expect(efforts(cost: 5, packets: 500, burst: 100).allSatisfy { $0 == .allFrames })
  }

  @Test func packetsWithoutATimeAndImpossibleTimesAreTaken() {
    var backlog = DecodingBacklog()
    backlog.note(waited: 0, arrival: 0, time: nil)
    backlog.note(waited: 0, arrival: .max, time: .min)
    backlog.note(waited: 0, arrival: .min, time: .max)
    backlog.note(waited: 5 * Self.millisecond, arrival: 0, time: 0)
    #expect(backlog.effort == .allFrames)
  }
}
