import CFFmpeg

extension Orientation {
  /// How a decoded frame must be turned: by its own display matrix (H.264 and HEVC messages), its Exif tag (JPEG, WebP,
  /// TIFF; FFmpeg leaves it among the metadata), otherwise by `streamOrientation`.
  init(frame: UnsafeMutablePointer<AVFrame>, streamOrientation: Orientation) {
    if let side = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX),
      side.pointee.size >= Orientation.matrixSize
    {
      self = Orientation(matrix: side.pointee.data)
    } else if let entry = av_dict_get(frame.pointee.metadata, "Orientation", nil, 0),
      let value = Int(String(cString: entry.pointee.value).filter { !$0.isWhitespace }),
      let orientation = Orientation(exif: value)
    {
      self = orientation
    } else {
      self = streamOrientation
    }
  }

  /// From the container's metadata (the track header of MP4, the projection of Matroska).
  init(stream: UnsafeMutablePointer<AVStream>) {
    var size = 0
    if let data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size), size >= Orientation.matrixSize
    {
      self = Orientation(matrix: data)
    } else {
      self = .upright
    }
  }

  /// Nine 32-bit numbers in host order: (a, b, u; c, d, v; x, y, w).
  private static let matrixSize = 36

  private init(matrix: UnsafeMutablePointer<UInt8>) {
    func entry(_ index: Int) -> Int32 {
      UnsafeRawPointer(matrix).loadUnaligned(fromByteOffset: index * 4, as: Int32.self)
    }
    self.init(a: entry(0), b: entry(1), c: entry(3), d: entry(4))
  }
}
