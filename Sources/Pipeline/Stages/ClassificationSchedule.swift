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
    /// In the frame at hand.
    var candidate: [Float]

    mutating func noteClassified(sequence: Int) {
      lastClassified = sequence
      swap(&thumbnail, &candidate)
    }
  }

  /// How much a face needs to be classified, the larger the more.
  private enum Urgency {
    static let none = -1
    /// Looks like another one, or is seen in quite another way.
    static let replaced = 1 << 32
    /// Nothing can be told of it otherwise.
    static let new = 1 << 33
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
  var interval: Int
  /// A face that changes all the time is classified again after so many frames at the earliest.
  let minimumInterval: Int
  private var memories: [Memory] = []
  private var spare: [Memory] = []
  private var urgencies: [Int] = []
  private var thumbnail = [Float](repeating: 0, count: side * side)

  init(interval: Int, minimumInterval: Int = 1) {
    precondition(interval >= 1 && minimumInterval >= 1, "a classification in every \(interval)th frame")
    self.interval = interval
    self.minimumInterval = minimumInterval
  }

  /// Every face is classified again when it is next seen.
  mutating func forgetAll() {
    spare.append(contentsOf: memories)
    memories.removeAll(keepingCapacity: true)
  }

  /// Sets `isClassified` of each face of a frame.
  ///
  /// - Parameter limit: of those that are due only so many are classified, those that have waited longest; so all get
  ///   their turn. New ones are classified in any case.
  mutating func plan(_ faces: inout [FaceAnnotation], in luma: LumaPlane, sequence: Int, limit: Int = .max) {
    guard interval > 1 || limit != .max else {
      for index in faces.indices { faces[index].isClassified = true }
      return
    }
    forget(before: sequence)
    urgencies.removeAll(keepingCapacity: true)
    var due = 0
    for face in faces {
      let urgency = urgency(of: face, in: luma, sequence: sequence)
      urgencies.append(urgency)
      if urgency > Urgency.none { due += 1 }
    }
    while due > limit {
      var least = 0
      for index in urgencies.indices where urgencies[index] > Urgency.none {
        if urgencies[least] == Urgency.none || urgencies[index] < urgencies[least] { least = index }
      }
      guard urgencies[least] < Urgency.new else { break }
      urgencies[least] = Urgency.none
      due -= 1
    }
    for index in faces.indices {
      faces[index].isClassified = urgencies[index] > Urgency.none
      if faces[index].isClassified { noteClassified(track: faces[index].track, sequence: sequence) }
    }
  }

  private mutating func urgency(of face: FaceAnnotation, in luma: LumaPlane, sequence: Int) -> Int {
    let index = memories.firstIndex { $0.track == face.track }
    if let index, !face.isDetected {
      memories[index].lastSeen = sequence
      return Urgency.none
    }
    draw(face.box, of: luma)
    guard let index else {
      var memory =
        spare.popLast()
        ?? Memory(track: 0, lastSeen: 0, lastClassified: 0, thumbnail: thumbnail, candidate: thumbnail)
      memory.track = face.track
      memory.lastSeen = sequence
      copyThumbnail(to: &memory.candidate)
      memories.append(memory)
      return Urgency.new
    }
    memories[index].lastSeen = sequence
    copyThumbnail(to: &memories[index].candidate)
    let age = sequence - memories[index].lastClassified
    let difference = Self.difference(thumbnail, memories[index].thumbnail)
    if difference > Self.replacementThreshold { return Urgency.replaced + age }
    return age >= interval || (age >= minimumInterval && difference > Self.changeThreshold) ? age : Urgency.none
  }

  private mutating func noteClassified(track: Int, sequence: Int) {
    guard let index = memories.firstIndex(where: { $0.track == track }) else { return }
    memories[index].noteClassified(sequence: sequence)
  }

  private func copyThumbnail(to target: inout [Float]) {
    for position in thumbnail.indices { target[position] = thumbnail[position] }
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
        spare.append(memories.removeLast())
      } else {
        index += 1
      }
    }
  }
}
