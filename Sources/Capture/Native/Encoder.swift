import CFFmpeg

/// An encoder and the packet it fills.
final class Encoder {
  let codec: UnsafePointer<AVCodec>
  let context: UnsafeMutablePointer<AVCodecContext>
  let packet: UnsafeMutablePointer<AVPacket>

  convenience init?(_ id: AVCodecID) {
    guard let codec = avcodec_find_encoder(id) else { return nil }
    self.init(codec)
  }

  convenience init?(name: String) {
    guard let codec = avcodec_find_encoder_by_name(name) else { return nil }
    self.init(codec)
  }

  private init(_ codec: UnsafePointer<AVCodec>) {
    self.codec = codec
    context = avcodec_alloc_context3(codec)
    packet = av_packet_alloc()
    context.pointee.thread_count = 1
    context.pointee.flags |= ferd_codec_flag_bitexact
  }

  deinit {
    var context: UnsafeMutablePointer<AVCodecContext>? = context
    avcodec_free_context(&context)
    var packet: UnsafeMutablePointer<AVPacket>? = packet
    av_packet_free(&packet)
  }

  /// - Parameter options: private options of the encoder.
  func open(_ options: [String: String] = [:]) -> Int32 {
    var dictionary = OptionDictionary(options)
    return avcodec_open2(context, codec, &dictionary.handle)
  }
}
