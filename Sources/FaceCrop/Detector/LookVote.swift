import Pixels

/// Makes one answer of what several looks at the same picture found.
///
/// The score of a face is the mean over all looks, a look that did not find it counting 0: looks at several sizes err in
/// different places, so what all of them see is a face more surely than what one of them sees clearly.
struct LookVote {
  /// Faces of different looks that overlap so much are one.
  let overlap: Float

  private struct Group {
    var sum = WeightedFace()
    var best: DetectedFace
    var score: Float
    /// Number of the last look that found it.
    var look: Int
  }

  private var groups: [Group] = []
  private var looks = 0

  init(overlap: Float) { self.overlap = overlap }

  mutating func removeAll() {
    groups.removeAll(keepingCapacity: true)
    looks = 0
  }

  /// The faces of one look, the surest first.
  mutating func add(_ faces: [DetectedFace]) {
    looks += 1
    for face in faces {
      var chosen: Int?
      var common = overlap
      for index in groups.indices where groups[index].look < looks {
        let value = groups[index].best.box.overlap(with: face.box)
        if value > common { (chosen, common) = (index, value) }
      }
      guard let chosen else {
        groups.append(Group(best: face, score: face.score, look: looks))
        groups[groups.count - 1].sum.add(face)
        continue
      }
      groups[chosen].sum.add(face)
      groups[chosen].score += face.score
      groups[chosen].look = looks
      if face.score > groups[chosen].best.score { groups[chosen].best = face }
    }
  }

  /// Appends the faces that reach the threshold, the surest first.
  func write(threshold: Float, limit: Int, into faces: inout [DetectedFace]) {
    let first = faces.count
    for group in groups {
      let score = group.score / Float(max(1, looks))
      if score >= threshold { faces.append(group.sum.mean(score: score)) }
    }
    faces[first...].sort { $0.score > $1.score }
    if faces.count > first + limit { faces.removeSubrange((first + limit)...) }
  }
}
