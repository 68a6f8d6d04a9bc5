import CFFmpeg

/// A camera's picture: in the driver's memory, decoded, or in memory of its own.
final class CameraPicture: FrameStorage {
  /// For pictures that are picked apart, converted, or copied.
  let samples = ReusableBuffer()
  /// For JPEG.
  let decoded = DecodedPicture()
  private var lease: (buffers: CameraBuffers, index: Int)?

  deinit { giveBack() }

  /// Keeps a driver's buffer until the picture is cleared.
  func hold(_ index: Int, of buffers: CameraBuffers) {
    precondition(lease == nil, "a picture in two buffers")
    lease = (buffers, index)
  }

  func clear() {
    giveBack()
    decoded.clear()
  }

  private func giveBack() {
    lease?.buffers.giveBack(lease!.index)
    lease = nil
  }
}
