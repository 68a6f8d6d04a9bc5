import CFFmpeg

/// A decoded picture as FFmpeg hands it out, with the memory that its conversion needs.
final class DecodedPicture: FrameStorage {
  let frame: UnsafeMutablePointer<AVFrame>
  let converted = ReusableBuffer()
  let turned = ReusableBuffer()

  init() {
    frame = av_frame_alloc()
  }

  deinit {
    var frame: UnsafeMutablePointer<AVFrame>? = frame
    av_frame_free(&frame)
  }

  func clear() { av_frame_unref(frame) }
}
