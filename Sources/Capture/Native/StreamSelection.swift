import CFFmpeg

extension MediaInput {
  /// The stream to decode: the one asked for, otherwise the best video.
  func selectStream(_ index: Int?) throws(CaptureError) -> UnsafeMutablePointer<AVStream> {
    let stream = if let index { try requestedStream(index) } else { try bestVideo() }
    // The demuxer need not hand out what nobody decodes.
    for other in streams where other != stream { other!.pointee.discard = AVDISCARD_ALL }
    try rejectText(stream)
    return stream
  }

  private func requestedStream(_ index: Int) throws(CaptureError) -> UnsafeMutablePointer<AVStream> {
    guard streams.indices.contains(index), let stream = streams[index], MediaInput.isVideo(stream) else {
      throw CaptureError(
        .unreadable, input: name, "expected a video in stream \(index), found \(streamList)")
    }
    return stream
  }

  private func bestVideo() throws(CaptureError) -> UnsafeMutablePointer<AVStream> {
    let best = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
    if best >= 0, let stream = streams[Int(best)], !MediaInput.isCoverPicture(stream) { return stream }
    let videos = streams.compactMap { $0 }.filter { MediaInput.isVideo($0) && !MediaInput.isCoverPicture($0) }
    let pixels = { (stream: UnsafeMutablePointer<AVStream>) in
      Int64(stream.pointee.codecpar.pointee.width) * Int64(stream.pointee.codecpar.pointee.height)
    }
    guard let stream = videos.max(by: { pixels($0) < pixels($1) }) else {
      throw CaptureError(.unreadable, input: name, "expected a video stream, found \(streamList)")
    }
    return stream
  }

  /// FFmpeg shows text files as films of a terminal; nobody means that.
  private func rejectText(_ stream: UnsafeMutablePointer<AVStream>) throws(CaptureError) {
    switch stream.pointee.codecpar.pointee.codec_id {
    case AV_CODEC_ID_ANSI, AV_CODEC_ID_BINTEXT, AV_CODEC_ID_XBIN, AV_CODEC_ID_IDF:
      throw CaptureError(.unreadable, input: name, "expected a video or a picture, found text")
    default: break
    }
  }

  /// For messages: "0: audio (mp3), 1: cover picture (png)".
  private var streamList: String {
    let list = streams.enumerated().map { index, stream in
      let parameters = stream!.pointee.codecpar!.pointee
      let kind =
        MediaInput.isCoverPicture(stream!)
        ? "cover picture" : av_get_media_type_string(parameters.codec_type).map { String(cString: $0) } ?? "unknown"
      return "\(index): \(kind) (\(String(cString: avcodec_get_name(parameters.codec_id))))"
    }
    return list.isEmpty ? "no streams" : "only " + list.joined(separator: ", ")
  }

  private static func isVideo(_ stream: UnsafeMutablePointer<AVStream>) -> Bool {
    stream.pointee.codecpar.pointee.codec_type == AVMEDIA_TYPE_VIDEO
  }

  private static func isCoverPicture(_ stream: UnsafeMutablePointer<AVStream>) -> Bool {
    stream.pointee.disposition & AV_DISPOSITION_ATTACHED_PIC != 0
  }
}
