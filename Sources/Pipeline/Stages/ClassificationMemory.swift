/// The probabilities that each track's face got when it was last classified.
struct ClassificationMemory {
  private struct Entry {
    var track: Int
    var lastSeen: Int
    /// Number of the source's frame in which it was classified.
    var classifiedSequence: Int
    var probabilities: [Float]
  }

  private var entries: [Entry] = []
  private var spare: [[Float]] = []

  /// Fills a frame's raw probabilities, `[faces, labels]`, with what was classified in it and what is known of the other
  /// faces.
  ///
  /// - Parameters:
  ///   - fresh: `[classified faces, labels]`
  ///   - number: counts the frames that come here.
  mutating func complete(_ annotation: inout FrameAnnotation, fresh: [Float], labelCount: Int, number: Int) {
    forget(before: number)
    var start = 0
    for position in annotation.faces.indices {
      let face = annotation.faces[position]
      let index = entries.firstIndex { $0.track == face.track }
      if face.isClassified {
        let range = start..<start + labelCount
        start += labelCount
        annotation.raw.append(contentsOf: fresh[range])
        annotation.faces[position].classifiedSequence = annotation.sequence
        remember(
          fresh[range], track: face.track, at: index, number: number, classifiedSequence: annotation.sequence)
      } else {
        guard let index else { preconditionFailure("track \(face.track) was never classified") }
        entries[index].lastSeen = number
        annotation.raw.append(contentsOf: entries[index].probabilities)
        annotation.faces[position].classifiedSequence = entries[index].classifiedSequence
      }
    }
  }

  private mutating func remember(
    _ values: ArraySlice<Float>, track: Int, at index: Int?, number: Int, classifiedSequence: Int
  ) {
    guard let index else {
      var copy = spare.popLast() ?? []
      copy.removeAll(keepingCapacity: true)
      copy.append(contentsOf: values)
      entries.append(
        Entry(track: track, lastSeen: number, classifiedSequence: classifiedSequence, probabilities: copy))
      return
    }
    entries[index].lastSeen = number
    entries[index].classifiedSequence = classifiedSequence
    for (offset, value) in values.enumerated() { entries[index].probabilities[offset] = value }
  }

  /// Later than the schedule forgets, so that nothing is missing that it relies on.
  private mutating func forget(before number: Int) {
    var index = 0
    while index < entries.count {
      if number - entries[index].lastSeen > 2 * ClassificationSchedule.forgottenAfter {
        entries.swapAt(index, entries.count - 1)
        spare.append(entries.removeLast().probabilities)
      } else {
        index += 1
      }
    }
  }
}
