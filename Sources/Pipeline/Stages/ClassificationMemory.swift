/// The probabilities that each track's face got when it was last classified.
struct ClassificationMemory {
  private struct Entry {
    var track: Int
    var lastSeen: Int
    var probabilities: [Float]
  }

  private var entries: [Entry] = []
  private var spare: [[Float]] = []

  /// Makes `[faces, labels]` of what was classified in this frame (`[classified faces, labels]`) and what is known of the
  /// other faces.
  mutating func complete(
    _ faces: [FaceAnnotation], fresh: [Float], labelCount: Int, sequence: Int, into probabilities: inout [Float]
  ) {
    forget(before: sequence)
    var start = 0
    for face in faces {
      let index = entries.firstIndex { $0.track == face.track }
      if face.isClassified {
        let range = start..<start + labelCount
        start += labelCount
        probabilities.append(contentsOf: fresh[range])
        remember(fresh[range], track: face.track, at: index, sequence: sequence)
      } else {
        guard let index else { preconditionFailure("track \(face.track) was never classified") }
        entries[index].lastSeen = sequence
        probabilities.append(contentsOf: entries[index].probabilities)
      }
    }
  }

  private mutating func remember(_ values: ArraySlice<Float>, track: Int, at index: Int?, sequence: Int) {
    guard let index else {
      var copy = spare.popLast() ?? []
      copy.removeAll(keepingCapacity: true)
      copy.append(contentsOf: values)
      entries.append(Entry(track: track, lastSeen: sequence, probabilities: copy))
      return
    }
    entries[index].lastSeen = sequence
    for (offset, value) in values.enumerated() { entries[index].probabilities[offset] = value }
  }

  /// Later than the schedule forgets, so that nothing is missing that it relies on.
  private mutating func forget(before sequence: Int) {
    var index = 0
    while index < entries.count {
      if sequence - entries[index].lastSeen > 2 * ClassificationSchedule.forgottenAfter {
        entries.swapAt(index, entries.count - 1)
        spare.append(entries.removeLast().probabilities)
      } else {
        index += 1
      }
    }
  }
}
