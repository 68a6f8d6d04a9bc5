import Foundation

/// The process's highest resident memory since `reset()`, as Linux counts it.
enum PeakMemory {
  /// Starts counting from what is resident now (`man 5 proc_pid_clear_refs`).
  static func reset() throws {
    try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
  }

  /// In MB; nil where the kernel does not tell.
  static func megabytes() throws -> Double? {
    let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(separator: " ", omittingEmptySubsequences: true).dropFirst().first
      .flatMap { Double($0.filter(\.isNumber)) }
      .map { $0 * 1024 / 1e6 }
  }
}
