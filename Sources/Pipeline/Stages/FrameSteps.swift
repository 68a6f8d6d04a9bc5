import Capture
import Inference
import Pixels

/// What happens in the order of the frames before classification: finding faces, and deciding which are classified.
struct FindingStep {
  var finder: any FaceFinder
  var schedule: ClassificationSchedule

  /// - Parameter limit: how many faces are classified at most, new ones apart.
  mutating func find(in slot: FrameSlot, limit: Int = .max) throws {
    guard let luma = slot.frame.luma else { return }
    try finder.findFaces(
      in: luma, timeNanoseconds: slot.annotation.presentationTimeNanoseconds, into: &slot.annotation.faces)
    schedule.plan(&slot.annotation.faces, in: luma, sequence: slot.number, limit: limit)
  }
}

extension FaceClassifier {
  /// What may happen to several frames at once: classifying the faces of one.
  func classify(_ slot: FrameSlot) throws {
    slot.classified.removeAll(keepingCapacity: true)
    slot.probabilities.removeAll(keepingCapacity: true)
    for face in slot.annotation.faces where face.isClassified { slot.classified.append(face) }
    guard let luma = slot.frame.luma, !slot.classified.isEmpty else { return }
    try classify(slot.classified, in: luma, into: &slot.probabilities)
    let (count, labelCount) = (slot.classified.count, labels.count)
    precondition(slot.probabilities.count == count * labelCount, "\(labelCount) probabilities for each face")
    for index in 0..<count {
      normaliseProbabilities(&slot.probabilities, range: index * labelCount..<(index + 1) * labelCount)
    }
  }
}

/// What must happen in the order of the frames behind classification: completing, smoothing and correcting.
struct CompletingStep {
  /// Size of the stream's first picture in pixels.
  let width: Int
  let height: Int
  let labelCount: Int
  var bias: BiasCorrection
  private var memory = ClassificationMemory()
  private var smoother: ProbabilitySmoother

  init(info: SourceInfo, labels: [String], bias: BiasCorrection, smoother: ProbabilitySmoother) {
    width = info.width
    height = info.height
    labelCount = labels.count
    self.bias = bias
    self.smoother = smoother
  }

  mutating func complete(_ slot: FrameSlot) {
    memory.complete(&slot.annotation, fresh: slot.probabilities, labelCount: labelCount, number: slot.number)
    if let size = slot.size { scaleToFirstFrame(&slot.annotation, size: size) }
    smoother.forgetTracks(before: slot.seconds)
    slot.annotation.scores.append(contentsOf: slot.annotation.raw)
    for index in slot.annotation.faces.indices {
      let range = index * labelCount..<(index + 1) * labelCount
      smoother.smooth(
        &slot.annotation.scores, range: range, track: slot.annotation.faces[index].track, seconds: slot.seconds)
      slot.annotation.scores.withUnsafeMutableBufferPointer {
        bias.apply(to: UnsafeMutableBufferPointer(rebasing: $0[range]))
      }
    }
  }

  /// A stream may change its resolution on the way; its lines go on in the pixels that `hello` announced.
  private func scaleToFirstFrame(_ annotation: inout FrameAnnotation, size: (width: Int, height: Int)) {
    guard size.width != width || size.height != height else { return }
    for index in annotation.faces.indices {
      annotation.faces[index].scale(x: Float(width) / Float(size.width), y: Float(height) / Float(size.height))
    }
  }
}
