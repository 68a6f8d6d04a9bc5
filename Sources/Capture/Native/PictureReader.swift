import CFFmpeg
import Glibc
public import Pixels

/// Reads still pictures one after the other, upright and in full-range luma.
///
/// The common formats go from their bytes straight to the decoder, which takes a tenth of the time that looking for the
/// container takes; the others are opened like a video. Not thread-safe: make one for each thread.
public final class PictureReader {
  private let picture = DecodedPicture()
  private let extractor = LumaExtractor()
  private var decoder: PictureDecoder?
  private var contents: [UInt8] = []

  public init() { FFmpegLibrary.prepare() }

  /// Reads the (first) picture of a file.
  ///
  /// - Parameter isPipeAllowed: Whether to wait for what a pipe brings, if it is one.
  /// - Throws: `noSuchInput`, or `unreadable` also where only a part of the picture could be decoded.
  public func read(_ path: String, isPipeAllowed: Bool = false) throws(CaptureError) -> LumaImage {
    guard case .file(let file) = try InputLocation(path) else {
      guard isPipeAllowed else { throw CaptureError(.unreadable, input: path, "expected a regular file") }
      return try readLikeVideo(path)
    }
    try load(file, input: path)
    guard let format = PictureReader.codec(of: contents) else { return try readLikeVideo(path) }
    return try decode(contents.count - Int(AV_INPUT_BUFFER_PADDING_SIZE), codec: format, input: path)
  }

  /// Decodes a PNG, JPEG, WebP, BMP, TIFF or PNM picture in memory.
  ///
  /// - Parameter name: what to call it in errors.
  public func decode(_ bytes: some Sequence<UInt8>, name: String = "picture") throws(CaptureError) -> LumaImage {
    contents.removeAll(keepingCapacity: true)
    contents.append(contentsOf: bytes)
    guard let format = PictureReader.codec(of: contents) else {
      throw CaptureError(.unreadable, input: name, "expected PNG, JPEG, WebP, BMP, TIFF or PNM")
    }
    let count = contents.count
    contents.append(contentsOf: repeatElement(0, count: Int(AV_INPUT_BUFFER_PADDING_SIZE)))
    return try decode(count, codec: format, input: name)
  }

  /// Reads a file into `contents`, with the padding that decoders want.
  private func load(_ path: String, input: String) throws(CaptureError) {
    // Without waiting: opening a FIFO would otherwise block until somebody writes.
    let descriptor = Int32(SystemCall.retrying { Int(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) })
    guard descriptor >= 0 else {
      throw CaptureError(.unreadable, input: input, SystemCall.describe(errno: -descriptor))
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size < 1 << 30 else {
      throw CaptureError(.unreadable, input: input, "expected a regular file of less than 1 GiB")
    }
    let size = Int(status.st_size)
    contents.removeAll(keepingCapacity: true)
    contents.append(contentsOf: repeatElement(0, count: size + Int(AV_INPUT_BUFFER_PADDING_SIZE)))
    var filled = 0
    while filled < size {
      let count = contents.withUnsafeMutableBytes { buffer in
        SystemCall.retrying { Glibc.read(descriptor, buffer.baseAddress! + filled, size - filled) }
      }
      guard count > 0 else {
        throw CaptureError(
          .unreadable, input: input,
          count == 0 ? "the file became shorter" : SystemCall.describe(errno: Int32(-count)))
      }
      filled += count
    }
  }

  private func readLikeVideo(_ path: String) throws(CaptureError) -> LumaImage {
    let source = try FFmpegSource(path)
    let frame = source.makeFrame()
    guard try source.read(into: frame), let luma = frame.luma else {
      preconditionFailure("a source without its first frame")
    }
    return LumaImage(copying: luma)
  }

  private func decode(_ count: Int, codec id: AVCodecID, input: String) throws(CaptureError) -> LumaImage {
    let decoder = try decoder(for: id, input: input)
    defer { picture.clear() }
    let (code, status) = contents.withUnsafeMutableBufferPointer { buffer in
      decoder.decode(buffer.baseAddress!, count: count, into: picture.frame)
    }
    guard code >= 0 else {
      throw CaptureError(
        .unreadable, input: input,
        "damaged \(String(cString: avcodec_get_name(id))) picture: \(FFmpegLibrary.describe(code))")
    }
    let orientation = Orientation(frame: picture.frame, streamOrientation: .upright)
    guard status == .ok, let luma = extractor.luma(of: picture, orientation: orientation) else {
      throw CaptureError(.unreadable, input: input, "damaged \(String(cString: avcodec_get_name(id))) picture")
    }
    return LumaImage(copying: luma)
  }

  /// The decoder of the last picture where it fits.
  private func decoder(for id: AVCodecID, input: String) throws(CaptureError) -> PictureDecoder {
    if let decoder, decoder.id == id { return decoder }
    let decoder = try PictureDecoder(id, name: input)
    self.decoder = decoder
    return decoder
  }

  /// The codec of a picture by its first bytes; nil for formats that need more than a decoder.
  private static func codec(of bytes: [UInt8]) -> AVCodecID? {
    func starts(_ head: [UInt8], at offset: Int = 0) -> Bool {
      bytes.count >= offset + head.count && bytes[offset..<offset + head.count].elementsEqual(head)
    }
    if starts([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return AV_CODEC_ID_PNG }
    if starts([0xFF, 0xD8, 0xFF]) { return AV_CODEC_ID_MJPEG }
    if starts(Array("RIFF".utf8)), starts(Array("WEBP".utf8), at: 8) { return AV_CODEC_ID_WEBP }
    if starts(Array("BM".utf8)) { return AV_CODEC_ID_BMP }
    if starts([0x49, 0x49, 42, 0]) || starts([0x4D, 0x4D, 0, 42]) { return AV_CODEC_ID_TIFF }
    if starts([0x50]), bytes.count > 2, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[2]) {
      switch bytes[1] {
      case UInt8(ascii: "1"), UInt8(ascii: "4"): return AV_CODEC_ID_PBM
      case UInt8(ascii: "2"), UInt8(ascii: "5"): return AV_CODEC_ID_PGM
      case UInt8(ascii: "3"), UInt8(ascii: "6"): return AV_CODEC_ID_PPM
      default: return nil
      }
    }
    return nil
  }
}

/// Reads the (first) picture of a file as full-range luma, upright. For many pictures use one `PictureReader`.
public func readPicture(_ path: String) throws(CaptureError) -> LumaImage {
  try PictureReader().read(path, isPipeAllowed: true)
}
