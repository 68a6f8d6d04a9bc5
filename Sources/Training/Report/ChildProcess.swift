import Glibc

/// A program that is run to its end, given its arguments one by one and no standard input.
enum ChildProcess {
  enum Outcome: Equatable {
    /// Exit status and what was printed.
    case ended(status: Int32, output: [UInt8], errors: [UInt8])
    /// Took longer than allowed and was killed.
    case timedOut
    /// Ended by a signal.
    case killed(signal: Int32)
    /// Could not be started or watched.
    case failed(String)
  }

  /// - Parameters:
  ///   - path: Of the program's file.
  ///   - environment: All of it, as `NAME=value`.
  ///   - seconds: After which it is killed.
  static func run(
    _ path: String, arguments: [String], environment: [String], seconds: Double
  ) -> Outcome {
    // Files without names take what it prints: unlike pipes they cannot fill up.
    guard let output = TemporaryFile(), let errors = TemporaryFile() else {
      return .failed("no temporary file: \(reason(errno))")
    }
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output.descriptor, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, errors.descriptor, STDERR_FILENO)
    // A group of its own, so that Ctrl-C does not cut a picture off; signals as a program expects them at its start.
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var process = pid_t()
    let code = withStrings([path] + arguments) { arguments in
      withStrings(environment) { posix_spawn(&process, path, &actions, &attributes, arguments, $0) }
    }
    guard code == 0 else { return .failed("cannot be started: \(reason(code))") }
    return wait(for: process, seconds: seconds, output: output, errors: errors)
  }

  private static func wait(
    for process: pid_t, seconds: Double, output: borrowing TemporaryFile, errors: borrowing TemporaryFile
  ) -> Outcome {
    let end = ContinuousClock.now + .seconds(seconds)
    var status: Int32 = 0
    while true {
      let result = waitpid(process, &status, WNOHANG)
      if result == process { break }
      if result < 0, errno != EINTR { return .failed("cannot be waited for: \(reason(errno))") }
      guard ContinuousClock.now < end else {
        // The whole group: what it started goes with it.
        kill(-process, SIGKILL)
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return .timedOut
      }
      usleep(3000)
    }
    // The low seven bits hold the signal, the byte above them the exit status.
    let signal = status & 0x7F
    guard signal == 0 else { return .killed(signal: signal) }
    guard let printed = output.contents(), let told = errors.contents() else {
      return .failed("what it printed cannot be read: \(reason(errno))")
    }
    return .ended(status: status >> 8 & 0xFF, output: printed, errors: told)
  }

  private static func withStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
    defer { pointers.forEach { free($0) } }
    return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
  }

  private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// A file without a name that is gone when it is closed.
private struct TemporaryFile: ~Copyable {
  let descriptor: Int32

  init?() {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(folder)/ferd-XXXXXX".utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else { return nil }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    unlink(template)
  }

  deinit { close(descriptor) }

  func contents() -> [UInt8]? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = pread(descriptor, &buffer, buffer.count, off_t(bytes.count))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { return nil }
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
    }
  }
}
