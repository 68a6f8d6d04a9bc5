import Capture

/// One frame on its way through the steps, used again and again. It belongs to whoever took it from a queue.
final class FrameSlot {
  let frame: Frame
  /// Counts the frames that went this way, from 0 and without a gap.
  var number = 0
  var annotation = FrameAnnotation()
  /// Width and height of the picture, which may be gone before its line is written.
  private(set) var size: (width: Int, height: Int)?
  /// Faces to be classified, and their probabilities.
  var classified: [FaceAnnotation] = []
  var probabilities: [Float] = []
  /// Of live streams: what the frame is worked on with.
  var models: LoadedModels?
  /// When the picture was taken, on the monotonic clock; nil for recordings.
  private(set) var captureNanoseconds: Int64?

  init(frame: Frame) { self.frame = frame }

  var seconds: Double { Double(annotation.presentationTimeNanoseconds) * 1e-9 }

  /// Starts with what the source has just put into the frame.
  func begin(number: Int) {
    self.number = number
    size = frame.luma.map { ($0.width, $0.height) }
    captureNanoseconds = frame.captureNanoseconds
    annotation.removeFaces()
    annotation.sequence = frame.sequence
    annotation.presentationTimeNanoseconds = frame.presentationTimeNanoseconds
    annotation.status = frame.status
  }
}
