import Foundation
import TestSupport
import Testing

@testable import Training

struct VoteCalibrationTests {
  /// Pictures of three classes, ten votes each. The crowd takes most of the third class for the second.
  private static func crowd(_ count: Int, seed: UInt64) -> (votes: [[Float]], labels: [Int]) {
    var random = RandomGenerator(seed: seed, stream: 0)
    var (votes, labels) = ([[Float]](), [Int]())
    for index in 0..<count {
      let label = index % 10 < 5 ? 0 : index % 10 < 8 ? 1 : 2
      let seen: [Float] = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.7, 0.2]][label]
      var vote: [Float] = [0, 0, 0]
      for _ in 0..<10 {
        let value = random.uniform(0, 1)
        vote[value < seen[0] ? 0 : value < seen[0] + seen[1] ? 1 : 2] += 0.1
      }
      votes.append(vote)
      labels.append(label)
    }
    return (votes, labels)
  }

  @Test func everyClassKeepsItsShare() {
    let (votes, labels) = Self.crowd(2000, seed: 3)
    let calibration = VoteCalibration(votes: votes, labels: labels, classes: 3)
    var sums: [Float] = [0, 0, 0]
    for vote in votes {
      let probabilities = calibration.probabilities(of: vote)
      #expect(abs(probabilities.reduce(0, +) - 1) < 1e-5 && probabilities.allSatisfy { $0 >= 0 })
      for label in 0..<3 { sums[label] += probabilities[label] }
    }
    // The crowd itself gives the third class 280 of 2,000.
    for (sum, count) in zip(sums, [1000, 600, 400] as [Float]) { #expect(abs(sum - count) < 1, "\(sums)") }
  }

  @Test func unseenPicturesAreToldBetterThanByTheVotesThemselves() {
    let (votes, labels) = Self.crowd(2000, seed: 3)
    let calibration = VoteCalibration(votes: votes, labels: labels, classes: 3)
    let (others, truth) = Self.crowd(2000, seed: 4)
    func loss(_ probabilities: ([Float]) -> [Float]) -> Float {
      zip(others, truth).reduce(0) { $0 - log(max(0.01, probabilities($1.0)[$1.1])) } / 2000
    }
    // What the crowd's behaviour above makes of each vote, by Bayes' rule.
    func best(_ vote: [Float]) -> [Float] {
      let seen: [[Float]] = [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.7, 0.2]]
      let values = (0..<3).map { label in
        [0.5, 0.3, 0.2][label] * exp(zip(vote, seen[label]).reduce(0) { $0 + 10 * $1.0 * log($1.1) })
      }
      return values.map { $0 / values.reduce(0, +) }
    }
    let (raw, fitted, least) = (loss { $0 }, loss(calibration.probabilities), loss(best))
    #expect(fitted < raw - 0.1 && fitted < least + 0.02, "\(raw), \(fitted), \(least)")
  }

  @Test func aClassThatNobodyVotesForKeepsItsShareAndManyClassesAreFitted() {
    let votes = (0..<40).map { index in (0..<20).map { Float($0 == index % 2 ? 1 : 0) } }
    let labels = (0..<40).map { $0 % 2 == 0 ? 0 : $0 % 4 == 1 ? 1 : 19 }
    let calibration = VoteCalibration(votes: votes, labels: labels, classes: 20)
    let second = calibration.probabilities(of: votes[1])
    #expect(abs(second[1] - 0.5) < 0.05 && abs(second[19] - 0.5) < 0.05, "\(second)")
  }

  @Test func targetsAreMadeOfWhatLabelsSuchPicturesHave() throws {
    // Of ten pictures with all votes for happy, four are labelled sad.
    let files = (0..<10).map { PictureFile(path: "\($0).png", label: $0 < 6 ? 3 : 4) }
    let rows = files.map { "\($0.path),0,0,0,10,0,0,0" }
    let votes = try SoftLabels.parse(
      (["file,angry,disgust,fear,happy,sad,surprise,neutral"] + rows).joined(separator: "\n"), path: "votes.csv",
      labels: .emotions)
    let set = PictureSet(imageSize: 1, labels: .emotions, files: files, pixels: [UInt8](repeating: 0, count: 10))
    let raw = try #require(votes.apply(to: set, share: 0.5, drop: 0, keeping: []).softTargets)
    #expect(abs(raw[9 * 7 + 3] - 0.5) < 1e-6)
    let targets = try #require(
      votes.apply(to: set, share: 0.5, drop: 0, keeping: [], isCalibrated: true).softTargets)
    // Own label and the share of happy or sad; the pull to zero keeps a little for the others.
    #expect(abs(targets[9 * 7 + 4] - 0.7) < 0.05 && abs(targets[9 * 7 + 3] - 0.3) < 0.05, "\(targets[63...])")
    #expect(abs(targets[3] - 0.8) < 0.05)
  }
}
