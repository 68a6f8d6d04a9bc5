import Foundation

/// Turns what the user named into inputs: folders into the videos and pictures in them.
struct InputExpansion {
  /// What one argument stands for.
  enum Entry: Equatable {
    case input(AnnotationInput)
    case failure(CommandFailure)
  }

  /// Names ending so are taken from folders; what the user names directly is tried whatever its name.
  static let extensions = videoExtensions.union(pictureExtensions)

  static let videoExtensions: Set<String> = [
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "mpe", "m2v", "ts", "mts", "m2ts", "vob", "ogv",
    "ogg",
    "flv", "f4v", "wmv", "asf", "3gp", "3g2", "mxf", "y4m", "mjpeg", "mjpg", "divx", "rm", "rmvb", "dv", "h264",
    "264", "h265", "265", "hevc", "ivf", "nut", "wtv",
  ]

  static let pictureExtensions: Set<String> = [
    "jpg", "jpeg", "jpe", "jfif", "png", "gif", "bmp", "webp", "tif", "tiff", "pgm", "ppm", "pnm", "pbm", "pam",
    "tga",
    "jp2", "j2k", "avif", "heic", "heif", "apng", "dds", "exr", "xbm", "xpm", "sgi", "ras", "qoi",
  ]

  /// In the order of the arguments; a folder's inputs sorted by their paths, those of subfolders among them.
  static func expand(_ arguments: [RawPath]) -> [Entry] {
    arguments.flatMap { argument -> [Entry] in
      let input = AnnotationInput(path: argument)
      guard !input.isStandardInput, !input.isURL, argument.kind == .folder else { return [.input(input)] }
      var found: [AnnotationInput] = []
      var failures: [CommandFailure] = []
      collect(argument, relative: nil, into: &found, failures: &failures)
      if found.isEmpty, failures.isEmpty {
        failures.append(
          CommandFailure(.unreadable, "\(argument.displayName): no video or picture in this folder"))
      }
      return found.map { .input($0) } + failures.map { .failure($0) }
    }
  }

  private static func collect(
    _ folder: RawPath, relative: RawPath?, into found: inout [AnnotationInput], failures: inout [CommandFailure]
  ) {
    guard let directory = opendir(folder.terminated) else {
      failures.append(
        CommandFailure(.unreadable, "\(folder.displayName): \(String(cString: strerror(errno)))"))
      return
    }
    var names: [(bytes: [UInt8], isFolder: Bool)] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: UInt8.self, capacity: 256) {
          Array(UnsafeBufferPointer(start: $0, count: strnlen($0, 256)))
        }
      }
      // Hidden files are nobody's inputs; `.` and `..` are among them.
      if name.first == UInt8(ascii: ".") { continue }
      var status = stat()
      let path = folder.appending(name)
      guard lstat(path.terminated, &status) == 0 else { continue }
      // Links to files are followed, links to folders are not: they may lead in circles. One that leads nowhere is an
      // input that is missing. Pipes and devices are taken only when they are named: nobody may ever write to them.
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      let isInput = hasKnownExtension(name) && [.file, .missing].contains(path.kind)
      guard isFolder || isInput else { continue }
      names.append((name, isFolder))
    }
    closedir(directory)
    for name in names.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) {
      let path = folder.appending(name.bytes)
      let inside = relative?.appending(name.bytes) ?? RawPath(bytes: name.bytes)
      if name.isFolder {
        collect(path, relative: inside, into: &found, failures: &failures)
      } else {
        found.append(AnnotationInput(path: path, relativeToFolder: inside))
      }
    }
  }

  private static func hasKnownExtension(_ name: [UInt8]) -> Bool {
    guard let dot = name.lastIndex(of: UInt8(ascii: ".")), dot > 0 else { return false }
    return extensions.contains(String(decoding: name[(dot + 1)...], as: UTF8.self).lowercased())
  }
}
