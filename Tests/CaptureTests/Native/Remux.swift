import CFFmpeg
import Foundation

/// Puts the streams of several files into one, without decoding them.
func remux(_ inputs: [String], to path: String) throws {
  struct RemuxError: Error { var code: Int32 }
  func check(_ code: Int32) throws { if code < 0 { throw RemuxError(code: code) } }

  var output: UnsafeMutablePointer<AVFormatContext>?
  try check(avformat_alloc_output_context2(&output, nil, nil, path))
  defer { avformat_free_context(output) }
  var sources: [UnsafeMutablePointer<AVFormatContext>?] = []
  defer {
    for source in sources {
      var source = source
      avformat_close_input(&source)
    }
  }
  for input in inputs {
    var source: UnsafeMutablePointer<AVFormatContext>?
    try check(avformat_open_input(&source, input, nil, nil))
    sources.append(source)
    try check(avformat_find_stream_info(source, nil))
    let stream = avformat_new_stream(output, nil)!
    try check(avcodec_parameters_copy(stream.pointee.codecpar, source!.pointee.streams[0]!.pointee.codecpar))
    stream.pointee.codecpar.pointee.codec_tag = 0
    stream.pointee.time_base = source!.pointee.streams[0]!.pointee.time_base
  }
  try check(avio_open(&output!.pointee.pb, path, AVIO_FLAG_WRITE))
  defer { avio_closep(&output!.pointee.pb) }
  try check(avformat_write_header(output, nil))
  var packet = av_packet_alloc()
  defer { av_packet_free(&packet) }
  for (index, source) in sources.enumerated() {
    while av_read_frame(source, packet) >= 0 {
      let target = output!.pointee.streams[index]!
      av_packet_rescale_ts(packet, source!.pointee.streams[0]!.pointee.time_base, target.pointee.time_base)
      packet!.pointee.stream_index = Int32(index)
      packet!.pointee.pos = -1
      try check(av_interleaved_write_frame(output, packet))
    }
  }
  try check(av_write_trailer(output))
}
