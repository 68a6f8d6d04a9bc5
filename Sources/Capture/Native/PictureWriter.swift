import CFFmpeg
public import Pixels

/// Writes a grey PNG; a file that is there already is replaced in one step.
public func writePicture(_ image: LumaImage, to path: String) throws(CaptureError) {
  try writePNG(image.pixels, width: image.width, height: image.height, format: AV_PIX_FMT_GRAY8, to: path)
}

/// Writes a colour PNG; a file that is there already is replaced in one step.
public func writePicture(_ image: RGBImage, to path: String) throws(CaptureError) {
  try writePNG(image.pixels, width: image.width, height: image.height, format: AV_PIX_FMT_RGB24, to: path)
}

private func writePNG(
  _ samples: [UInt8], width: Int, height: Int, format: AVPixelFormat, to path: String
) throws(CaptureError) {
  FFmpegLibrary.prepare()
  let picture = DecodedPicture()
  let frame = picture.frame
  frame.pointee.width = Int32(width)
  frame.pointee.height = Int32(height)
  frame.pointee.format = format.rawValue
  let bytesPerRow = samples.count / height
  guard av_frame_get_buffer(frame, 0) >= 0, let encoder = Encoder(AV_CODEC_ID_PNG) else {
    throw CaptureError(.inputOutput, input: path, "FFmpeg cannot write a PNG of \(width)x\(height)")
  }
  samples.withUnsafeBufferPointer { samples in
    for y in 0..<height {
      (frame.pointee.data.0! + y * Int(frame.pointee.linesize.0))
        .update(from: samples.baseAddress! + y * bytesPerRow, count: bytesPerRow)
    }
  }
  encoder.context.pointee.width = frame.pointee.width
  encoder.context.pointee.height = frame.pointee.height
  encoder.context.pointee.pix_fmt = format
  encoder.context.pointee.time_base = AVRational(num: 1, den: 1)
  var code = encoder.open()
  if code >= 0 { code = avcodec_send_frame(encoder.context, frame) }
  if code >= 0 { code = avcodec_receive_packet(encoder.context, encoder.packet) }
  guard code >= 0 else {
    throw CaptureError(.inputOutput, input: path, "cannot encode it: \(FFmpegLibrary.describe(code))")
  }
  let bytes = UnsafeRawBufferPointer(start: encoder.packet.pointee.data, count: Int(encoder.packet.pointee.size))
  try SystemCall.replaceFile(path, with: bytes)
}
