import Pixels

/// Decides which faces of a frame are classified: new ones, those that look different than when they were last
/// classified, and all others after some frames. In between a face keeps its probabilities, and so does one whose place is
/// only expected: its crop would be framed carelessly.
///
/// From one frame of a video to the next most faces hardly change, and classification is the dearest step. What is
/// compared is a thumbnail of the box: 16 x 16 samples are blind to the detector's trembling, but not to a mouth that opens
/// or to another face in the same place.
struct ClassificationSchedule {
  private struct Memory {
    var track: Int
    var lastSeen: Int
    var lastClassified: Int
    /// As last classified, `side * side`.
    var thumbnail: [Float]
  }

  static let side = 16
  /// Mean difference of two thumbnails, in levels of 255 and apart from overall brightness, from which on a face counts
  /// as changed.
  static let changeThreshold: Float = 6
  /// The same from which on it counts as another face, or as one that is seen in quite another way.
  static let replacementThreshold: Float = 20
  /// Frames after which a track that is not seen is forgotten; if it comes back, it is classified at once.
  static let forgottenAfter = 30

  /// A face is classified again after so many frames at the latest; 1 = in every frame.
  let interval: Int
  /// A face that changes all the time is classified again after so many frames at the earliest.
  let minimumInterval: Int
  private var memories: [Memory] = []
  private var spare: [[Float]] = []
  private var thumbnail = [Float](repeating: 0, count: side * side)

  init(interval: Int, minimumInterval: Int = 1) {
    precondition(interval >= 1 && minimumInterval >= 1, "a classification in every \(interval)th frame")
    self.interval = interval
    self.minimumInterval = minimumInterval
  }

  /// Sets `isClassified` of each face of a frame.
  mutating func plan(_ faces: inout [FaceAnnotation], in luma: LumaPlane, sequence: Int) {
    guard interval > 1 else {
      for index in faces.indices { faces[index].isClassified = true }
      return
    }
    forget(before: sequence)
    for index in faces.indices { faces[index].isClassified = isDue(faces[index], in: luma, sequence: sequence) }
  }

  private mutating func isDue(_ face: FaceAnnotation, in luma: LumaPlane, sequence: Int) -> Bool {
    let index = memories.firstIndex { $0.track == face.track }
    if let index, !face.isDetected {
      memories[index].lastSeen = sequence
      return false
    }
    draw(face.box, of: luma)
    guard let index else {
      var copy = spare.popLast() ?? []
      copy.removeAll(keepingCapacity: true)
      copy.append(contentsOf: thumbnail)
      memories.append(Memory(track: face.track, lastSeen: sequence, lastClassified: sequence, thumbnail: copy))
      return true
    }
    memories[index].lastSeen = sequence
    let age = sequence - memories[index].lastClassified
    let difference = Self.difference(thumbnail, memories[index].thumbnail)
    guard
      age >= interval || difference > Self.replacementThreshold
        || (age >= minimumInterval && difference > Self.changeThreshold)
    else { return false }
    memories[index].lastClassified = sequence
    for position in thumbnail.indices { memories[index].thumbnail[position] = thumbnail[position] }
    return true
  }

  /// Mean absolute difference, apart from a difference in overall brightness.
  static func difference(_ a: [Float], _ b: [Float]) -> Float {
    var shift: Float = 0
    for index in a.indices { shift += a[index] - b[index] }
    shift /= Float(a.count)
    var sum: Float = 0
    for index in a.indices { sum += abs(a[index] - b[index] - shift) }
    return sum / Float(a.count)
  }

  private mutating func draw(_ box: Rect, of luma: LumaPlane) {
    let scale = 1 / Float(Self.side)
    let toPicture = AffineTransform(
      a: max(box.width, 1) * scale, b: 0, tx: box.x, c: 0, d: max(box.height, 1) * scale, ty: box.y)
    thumbnail.withUnsafeMutableBufferPointer {
      luma.warp(toPicture, width: Self.side, height: Self.side, normalisation: .none, into: $0)
    }
  }

  private mutating func forget(before sequence: Int) {
    var index = 0
    while index < memories.count {
      if sequence - memories[index].lastSeen > Self.forgottenAfter {
        memories.swapAt(index, memories.count - 1)
        spare.append(memories.removeLast().thumbnail)
      } else {
        index += 1
      }
    }
  }
}
