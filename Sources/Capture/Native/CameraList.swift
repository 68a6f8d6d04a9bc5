import Glibc

extension CameraSource {
  /// Whether `path` is a node of the kernel's video devices (character devices of major number 81), or a link to one.
  public static func isCamera(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR && isVideo(status.st_rdev)
  }

  /// Whether somebody who names `input` for a live stream means a camera: a device that is no terminal, or a name below
  /// `/dev` that is missing.
  static func isMeant(by input: String) -> Bool {
    guard input.hasPrefix("/"), !["/dev/stdin", "/dev/fd/", "/proc/"].contains(where: input.hasPrefix) else {
      return false
    }
    var status = stat()
    guard stat(input, &status) == 0 else { return errno == ENOENT && input.hasPrefix("/dev/") }
    return status.st_mode & S_IFMT == S_IFCHR
  }

  /// `VIDEO_MAJOR` in the kernel's sources (devices.txt).
  private static let videoMajor: UInt64 = 81

  static func isVideo(_ number: dev_t) -> Bool {
    // As glibc's `gnu_dev_major`, which is a macro.
    ((number >> 8) & 0xFFF) | ((number >> 32) & ~0xFFF) == videoMajor
  }

  /// All cameras of this machine, in the order of their numbers. Nodes that send no pictures are left out; those that
  /// cannot be looked at come as errors.
  ///
  /// - Parameter folder: where the nodes are; another one than `/dev` for tests.
  public static func list(in folder: String = "/dev") -> [Result<CameraDescription, CaptureError>] {
    let nodes = names(in: folder).compactMap { name in
      name.hasPrefix("video") ? Int(name.dropFirst("video".count)) : nil
    }
    let links = links(in: "\(folder)/v4l")
    return nodes.sorted().compactMap { number in
      let path = "\(folder)/video\(number)"
      let found = look(at: path, links: links)
      // What is there but is no camera is nobody's concern here.
      if case .failure = found, !isUnusable(path) { return nil }
      return found
    }
  }

  /// One camera, and all that it offers.
  public static func look(at path: String) -> Result<CameraDescription, CaptureError> {
    look(at: path, links: links(in: "/dev/v4l"))
  }

  private static func look(
    at path: String, links: [String: [String]]
  ) -> Result<CameraDescription, CaptureError> {
    do throws(CaptureError) {
      let device = try V4L2Device(path)
      return .success(
        CameraDescription(
          path: path, links: links[path] ?? [], name: device.capabilities.card, driver: device.capabilities.driver,
          bus: device.capabilities.bus, formats: device.formats()))
    } catch {
      return .failure(error)
    }
  }

  /// Whether a node cannot even be opened.
  private static func isUnusable(_ path: String) -> Bool {
    let descriptor = SystemCall.retrying { Int(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) }
    guard descriptor >= 0 else { return Int32(-descriptor) != ENOENT }
    Glibc.close(Int32(descriptor))
    return false
  }

  /// Names of nodes that stay the same (`/dev/v4l/by-id`, `by-path`), by what they lead to.
  private static func links(in folder: String) -> [String: [String]] {
    var links: [String: [String]] = [:]
    for kind in names(in: folder) {
      for name in names(in: "\(folder)/\(kind)") {
        let link = "\(folder)/\(kind)/\(name)"
        guard let target = realpath(link, nil) else { continue }
        links[String(cString: target), default: []].append(link)
        free(target)
      }
    }
    return links
  }

  /// Sorted, without hidden ones; empty where there is no such folder.
  private static func names(in folder: String) -> [String] {
    guard let directory = opendir(folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }
}
