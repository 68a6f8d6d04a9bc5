import CV4L2
import Glibc
import Pixels

/// Makes luma of the pixel formats that only libv4l knows: RGB, Bayer patterns, what old webcams invented.
final class FormatConverter {
  private let handle: OpaquePointer
  private var source: v4l2_format
  private var target: v4l2_format
  private let format: PictureFormat
  private let known: LibraryFormat

  /// - Parameters:
  ///   - format: one that has a `libraryFormat`.
  ///   - descriptor: of the camera, whose peculiarities (a picture that stands on its head) the library looks up; nil for
  ///     none.
  /// - Throws: `unreadable`.
  init(_ format: PictureFormat, descriptor: Int32?, name: String) throws(CaptureError) {
    guard let known = format.code.libraryFormat else {
      throw CaptureError(.unreadable, input: name, "pictures in \(format.code) cannot be read")
    }
    // The library trusts that its lines have the length that belongs to the format.
    guard known.isCompressed || format.byteCount >= format.bytesPerRow * format.height else {
      throw CaptureError(
        .unreadable, input: name,
        "expected buffers of \(format.bytesPerRow * format.height) bytes for \(format.code), got \(format.byteCount)"
      )
    }
    let created =
      if let descriptor { v4lconvert_create(descriptor) } else {
        v4lconvert_create_with_dev_ops(-1, nil, FormatConverter.noDevice)
      }
    guard let created else {
      throw CaptureError(.unreadable, input: name, "libv4l cannot convert pictures of this camera")
    }
    handle = created
    self.known = known
    self.format = format
    source = format.raw
    target =
      PictureFormat(
        code: FourCC(code: ferd_v4l2_pix_fmt_yu12), width: format.width, height: format.height,
        bytesPerRow: format.width,
        byteCount: FormatConverter.targetSize(width: format.width, height: format.height)
      ).raw
  }

  deinit { v4lconvert_destroy(handle) }

  /// What the library complained of last.
  var lastComplaint: String {
    String(cString: v4lconvert_get_error_message(handle)).trimmingSuffix { $0.isNewline || $0 == " " }
  }

  /// - Parameters:
  ///   - bytes: the driver's buffer.
  ///   - count: bytes of the picture.
  ///   - capacity: bytes of the buffer.
  ///   - samples: where the result goes; valid until it is used again.
  /// - Returns: nil where the picture cannot be converted; damaged where a part of it is missing.
  func luma(
    of bytes: UnsafeMutableRawPointer, count: Int, capacity: Int, in samples: ReusableBuffer
  ) -> (plane: LumaPlane, status: FrameStatus)? {
    // Not for every format does the library look whether all of the picture is there.
    let wanted = known.isCompressed ? count : format.byteCount
    guard wanted > 0, wanted <= capacity else { return nil }
    let size = FormatConverter.targetSize(width: format.width, height: format.height)
    let base = samples.reserve(size)
    let written = v4lconvert_convert(
      handle, &source, &target, bytes.assumingMemoryBound(to: UInt8.self), Int32(clamping: wanted), base,
      Int32(size))
    guard written >= format.width * format.height else { return nil }
    let plane = LumaPlane(
      base: base, width: format.width, height: format.height, bytesPerRow: format.width, range: range)
    return (plane, count < wanted ? .damaged : .ok)
  }

  private var range: LumaRange {
    switch known.luma {
    case .computed: .limited
    case .copied: format.lumaRange
    case .jpeg: .full
    }
  }

  /// Stands in for a camera that is nothing out of the ordinary.
  nonisolated(unsafe) private static let noDevice: UnsafePointer<libv4l_dev_ops> = {
    var operations = libv4l_dev_ops()
    operations.ioctl = { _, _, request, argument in
      guard request == ferd_vidioc_querycap, let argument else {
        errno = EINVAL
        return -1
      }
      var capabilities = v4l2_capability()
      capabilities.capabilities = ferd_v4l2_cap_capture | ferd_v4l2_cap_streaming
      argument.assumingMemoryBound(to: v4l2_capability.self).pointee = capabilities
      return 0
    }
    let pointer = UnsafeMutablePointer<libv4l_dev_ops>.allocate(capacity: 1)
    pointer.initialize(to: operations)
    return UnsafePointer(pointer)
  }()

  /// Of a picture in 4:2:0.
  private static func targetSize(width: Int, height: Int) -> Int {
    width * height + 2 * ((width + 1) / 2) * ((height + 1) / 2)
  }
}

extension String {
  fileprivate func trimmingSuffix(while isUnwanted: (Character) -> Bool) -> String {
    var text = self[...]
    while let last = text.last, isUnwanted(last) { text.removeLast() }
    return String(text)
  }
}
