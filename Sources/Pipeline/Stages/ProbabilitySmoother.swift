import Glibc

/// Exponential smoothing of each track's probabilities over the stream's own time.
///
/// With time constant τ and Δt since the track's last sight, the newest probabilities weigh 1 − exp(−Δt / τ): right for
/// variable frame rates and for tracks that were hidden for a while. The first sight of a track counts in full.
///
/// It takes the ensemble's probabilities; bias factors are applied to what comes out. So the state of a track does not
/// depend on the factors, and `scores` without smoothing are exactly the corrected `raw`.
struct ProbabilitySmoother {
  private struct Track {
    var number: Int
    var lastSeconds: Double
    var probabilities: [Float]
  }

  /// Time constants after which the past of a track that is not seen weighs nothing (e^-20 = 2e-9).
  private static let forgottenAfter = 20.0

  /// τ in seconds; 0 = no smoothing.
  let timeConstant: Double
  private var tracks: [Track] = []
  /// Arrays of tracks that are gone, for the next new ones.
  private var spare: [[Float]] = []

  init(timeConstant: Double) {
    precondition(timeConstant >= 0 && timeConstant.isFinite, "a time constant of \(timeConstant) s")
    self.timeConstant = timeConstant
  }

  /// Number of tracks it remembers.
  var trackCount: Int { tracks.count }

  /// Replaces one face's probabilities, `values[range]`, by the smoothed ones.
  mutating func smooth(_ values: inout [Float], range: Range<Int>, track: Int, seconds: Double) {
    guard timeConstant > 0 else { return }
    guard let index = tracks.firstIndex(where: { $0.number == track }) else {
      var probabilities = spare.popLast() ?? []
      probabilities.removeAll(keepingCapacity: true)
      probabilities.append(contentsOf: values[range])
      tracks.append(Track(number: track, lastSeconds: seconds, probabilities: probabilities))
      return
    }
    let elapsed = max(0, seconds - tracks[index].lastSeconds)
    let weight = Float(1 - exp(-elapsed / timeConstant))
    tracks[index].lastSeconds = seconds
    for offset in 0..<range.count {
      let old = tracks[index].probabilities[offset]
      let new = old + weight * (values[range.lowerBound + offset] - old)
      tracks[index].probabilities[offset] = new
      values[range.lowerBound + offset] = new
    }
  }

  /// Forgets tracks that have not been seen for so long that their past weighs nothing.
  mutating func forgetTracks(before seconds: Double) {
    var index = 0
    while index < tracks.count {
      if seconds - tracks[index].lastSeconds > Self.forgottenAfter * timeConstant {
        spare.append(tracks.swapRemove(at: index).probabilities)
      } else {
        index += 1
      }
    }
  }
}

extension Array {
  /// Removes an element and puts the last one in its place.
  fileprivate mutating func swapRemove(at index: Int) -> Element {
    swapAt(index, count - 1)
    return removeLast()
  }
}
