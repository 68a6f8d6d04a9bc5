import CFFmpeg
import Glibc

/// Bytes for a demuxer that do not come through one of FFmpeg's protocols: its own reader for pipes sits in `read(2)`
/// where neither a cancellation nor a closed terminal reaches it.
final class ByteInput {
  private let descriptor: Int32
  private let owned: Bool
  private let interruptGuard: InterruptGuard
  private let isSeekable: Bool
  private(set) var context: UnsafeMutablePointer<AVIOContext>

  private static let bufferSize: Int32 = 64 << 10
  /// How long a cancellation may go unnoticed, in milliseconds.
  private static let pollInterval: Int32 = 100

  /// - Parameter owned: whether the descriptor is closed in the end.
  init(descriptor: Int32, owned: Bool, interruptGuard: InterruptGuard) {
    self.descriptor = descriptor
    self.owned = owned
    self.interruptGuard = interruptGuard
    isSeekable = lseek(descriptor, 0, SEEK_CUR) >= 0
    let buffer = av_malloc(Int(ByteInput.bufferSize))!.assumingMemoryBound(to: UInt8.self)
    // Without a reading function it would take the buffer for the whole input, so that comes first and its argument later.
    context = avio_alloc_context(
      buffer, ByteInput.bufferSize, 0, nil,
      { opaque, target, size in
        Unmanaged<ByteInput>.fromOpaque(opaque!).takeUnretainedValue().read(into: target!, count: Int(size))
      }, nil, isSeekable ? ByteInput.seek : nil)!
    context.pointee.opaque = Unmanaged.passUnretained(self).toOpaque()
  }

  private static let seek: @convention(c) (UnsafeMutableRawPointer?, Int64, Int32) -> Int64 = {
    opaque, offset, whence in
    Unmanaged<ByteInput>.fromOpaque(opaque!).takeUnretainedValue().seek(to: offset, whence: whence)
  }

  deinit {
    av_freep(&context.pointee.buffer)
    var context: UnsafeMutablePointer<AVIOContext>? = context
    avio_context_free(&context)
    if owned { close(descriptor) }
  }

  private func read(into target: UnsafeMutablePointer<UInt8>, count: Int) -> Int32 {
    while !interruptGuard.shouldStop {
      var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&request, 1, ByteInput.pollInterval)
      if ready == 0 || (ready < 0 && errno == EINTR) { continue }
      if ready < 0 { return -errno }
      let result = Glibc.read(descriptor, target, count)
      if result > 0 { return Int32(result) }
      if result == 0 { return ferd_averror_eof }
      let code = errno
      if code != EINTR && code != EAGAIN { return -code }
    }
    return ferd_averror_exit
  }

  private func seek(to offset: Int64, whence: Int32) -> Int64 {
    if whence & ferd_avseek_size != 0 {
      var status = stat()
      return fstat(descriptor, &status) == 0 ? Int64(status.st_size) : Int64(-errno)
    }
    let position = lseek(descriptor, off_t(offset), whence & 3)
    return position >= 0 ? Int64(position) : Int64(-errno)
  }
}
