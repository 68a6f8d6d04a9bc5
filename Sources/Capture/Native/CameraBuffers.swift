import CV4L2
import Glibc
import Threads

/// The buffers that a camera's driver fills, lent out one by one.
///
/// One thread takes them; any may give them back.
final class CameraBuffers: @unchecked Sendable {
  /// A buffer that the driver has filled.
  struct Filled {
    var index: Int
    /// First byte of the picture.
    var base: UnsafeMutableRawPointer
    /// Bytes of the picture; not more than `capacity`.
    var byteCount: Int
    /// Bytes that may be read.
    var capacity: Int
    var counter: UInt32
    /// Nanoseconds.
    var stamp: Int64
    var isMonotonic: Bool
    /// Whether the driver says that something is wrong with the picture.
    var isDamaged: Bool
  }

  private enum Owner {
    case driver
    case reader
    /// The driver refused it; it is offered again.
    case nobody
  }

  private struct Buffer: @unchecked Sendable {
    /// Where the first plane (the only one that luma lies in) is mapped.
    var base: UnsafeMutableRawPointer
    var length: Int
    var owner = Owner.nobody
  }

  private struct State {
    var buffers: [Buffer] = []
    var isClosed = false
    var inDriver = 0
  }

  /// Enough for one that is worked on, one that waits and one on its way, and as many for the driver meanwhile.
  private static let wantedCount: UInt32 = 6

  private let device: V4L2Device
  private let state = Guarded(State())

  /// Asks the driver for buffers, maps them, and lets it fill them.
  init(_ device: V4L2Device) throws(CaptureError) {
    self.device = device
    var request = v4l2_requestbuffers()
    request.count = CameraBuffers.wantedCount
    request.type = device.bufferType
    request.memory = V4L2_MEMORY_MMAP.rawValue
    var code = device.control(ferd_vidioc_reqbufs, &request)
    guard code == 0 else { throw CameraErrors.using(device.path, doing: "get buffers from it", code: code) }
    guard request.count >= 2 else {
      throw CaptureError(
        .deviceUnavailable, input: device.path, "the driver has memory for \(request.count) buffers, not for 2")
    }
    do throws(CaptureError) {
      for index in 0..<Int(request.count) { try map(index) }
      offer()
      code = state.withLock { $0.inDriver > 0 ? 0 : EINVAL }
      guard code == 0 else {
        throw CameraErrors.using(device.path, doing: "hand buffers to the driver", code: code)
      }
      var type = device.bufferType
      code = device.control(ferd_vidioc_streamon, &type)
      guard code == 0 else { throw CameraErrors.using(device.path, doing: "start the camera", code: code) }
    } catch {
      close()
      throw error
    }
  }

  deinit { close() }

  /// Buffers that the driver has, filled or not.
  var countInDriver: Int { state.withLock { $0.inDriver } }

  /// Takes the oldest filled buffer.
  ///
  /// - Returns: nil where none is filled.
  /// - Throws: `deviceUnavailable`.
  func take() throws(CaptureError) -> Filled? {
    offer()
    var code: Int32 = 0
    let filled = withBuffer { buffer -> Filled? in
      code = device.control(ferd_vidioc_dqbuf, &buffer)
      guard code == 0 else { return nil }
      return state.withLock { state -> Filled? in
        let index = Int(buffer.index)
        guard index < state.buffers.count else { return nil }
        state.buffers[index].owner = .reader
        state.inDriver -= 1
        let (offset, end) = payload(of: buffer)
        let room = state.buffers[index].length
        let start = min(offset, room)
        return Filled(
          index: index, base: state.buffers[index].base + start, byteCount: max(0, min(end, room) - start),
          capacity: room - start, counter: buffer.sequence,
          stamp: Int64(buffer.timestamp.tv_sec) * 1_000_000_000 + Int64(buffer.timestamp.tv_usec) * 1000,
          isMonotonic: buffer.flags & ferd_v4l2_timestamp_mask == ferd_v4l2_timestamp_monotonic,
          isDamaged: buffer.flags & ferd_v4l2_buffer_error != 0)
      }
    }
    if let filled { return filled }
    guard code == 0 || code == EAGAIN else { throw CameraErrors.using(device.path, doing: "read", code: code) }
    return nil
  }

  /// Gives a buffer back to the driver, which fills it again.
  func giveBack(_ index: Int) {
    state.withLock { state in
      precondition(state.buffers[index].owner == .reader, "buffer \(index) is given back twice")
      state.buffers[index].owner = .nobody
      if state.isClosed {
        munmap(state.buffers[index].base, state.buffers[index].length)
      } else {
        offer(index, &state)
      }
    }
  }

  /// Stops the camera and lets go of it.
  ///
  /// Pictures that are still being looked at stay where they are: a copy takes the place of the driver's memory, which
  /// otherwise would keep the camera from being opened again, or from coming back where it was unplugged.
  func close() {
    state.withLock { state in
      guard !state.isClosed else { return }
      state.isClosed = true
      var type = device.bufferType
      _ = device.control(ferd_vidioc_streamoff, &type)
      for buffer in state.buffers {
        if buffer.owner == .reader {
          CameraBuffers.replaceByCopy(buffer.base, buffer.length)
        } else {
          munmap(buffer.base, buffer.length)
        }
      }
      var request = v4l2_requestbuffers()
      request.type = device.bufferType
      request.memory = V4L2_MEMORY_MMAP.rawValue
      _ = device.control(ferd_vidioc_reqbufs, &request)
    }
  }

  /// Readers on other threads see the same bytes before and after: moving a mapping over another one is one step to them.
  static func replaceByCopy(_ base: UnsafeMutableRawPointer, _ length: Int) {
    let copy = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let copy, copy != MAP_FAILED else { return }
    copy.copyMemory(from: base, byteCount: length)
    if ferd_v4l2_move_mapping(copy, UInt(length), base) != 0 { munmap(copy, length) }
  }

  private func map(_ index: Int) throws(CaptureError) {
    var code: Int32 = 0
    let (offset, length) = withBuffer { buffer in
      buffer.index = UInt32(index)
      code = device.control(ferd_vidioc_querybuf, &buffer)
      guard device.isMultiplanar else { return (Int(buffer.m.offset), Int(buffer.length)) }
      let plane = buffer.m.planes.pointee
      return (Int(plane.m.mem_offset), Int(plane.length))
    }
    guard code == 0 else { throw CameraErrors.using(device.path, doing: "look at its buffers", code: code) }
    let base = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, device.descriptor, offset)
    guard let base, base != MAP_FAILED else {
      throw CameraErrors.using(device.path, doing: "map the driver's buffers", code: errno)
    }
    let buffer = Buffer(base: base, length: length)
    state.withLock { $0.buffers.append(buffer) }
  }

  /// Hands the driver every buffer that nobody has.
  private func offer() {
    state.withLock { state in
      for index in state.buffers.indices where state.buffers[index].owner == .nobody { offer(index, &state) }
    }
  }

  private func offer(_ index: Int, _ state: inout State) {
    let code = withBuffer { buffer in
      buffer.index = UInt32(index)
      return device.control(ferd_vidioc_qbuf, &buffer)
    }
    guard code == 0 else { return }
    state.buffers[index].owner = .driver
    state.inDriver += 1
  }

  /// Where the picture begins and ends in the first plane.
  private func payload(of buffer: v4l2_buffer) -> (start: Int, end: Int) {
    guard device.isMultiplanar else { return (0, Int(buffer.bytesused)) }
    let plane = buffer.m.planes.pointee
    return (Int(plane.data_offset), Int(plane.bytesused))
  }

  /// Fills in what every request about a buffer wants.
  private func withBuffer<Result>(_ body: (inout v4l2_buffer) -> Result) -> Result {
    withUnsafeTemporaryAllocation(of: v4l2_plane.self, capacity: Int(VIDEO_MAX_PLANES)) { planes in
      planes.initialize(repeating: v4l2_plane())
      var buffer = v4l2_buffer()
      buffer.type = device.bufferType
      buffer.memory = V4L2_MEMORY_MMAP.rawValue
      if device.isMultiplanar {
        buffer.m.planes = planes.baseAddress
        buffer.length = UInt32(planes.count)
      }
      return body(&buffer)
    }
  }
}
