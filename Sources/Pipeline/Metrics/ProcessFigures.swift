import Glibc

/// What the kernel says of this process, under the names that Prometheus' client libraries use.
struct ProcessFigures {
  var residentBytes: Int?
  var openDescriptors: Int?
  var processorSeconds: Double?

  static func current() -> ProcessFigures {
    var usage = rusage()
    let hasUsage = getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) * 1e-6 }
    return ProcessFigures(
      residentBytes: residentPages().map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) },
      openDescriptors: openDescriptorCount(),
      processorSeconds: hasUsage ? seconds(usage.ru_utime) + seconds(usage.ru_stime) : nil)
  }

  func render() -> [UInt8] {
    var page = ""
    func add(_ name: String, _ type: String, _ value: String?) {
      if let value { page += "# TYPE \(name) \(type)\n\(name) \(value)\n" }
    }
    add("process_resident_memory_bytes", "gauge", residentBytes.map { "\($0)" })
    add("process_open_fds", "gauge", openDescriptors.map { "\($0)" })
    add("process_cpu_seconds_total", "counter", processorSeconds.map(prometheusNumber))
    return Array(page.utf8)
  }

  /// Second number of `/proc/self/statm` (proc(5)).
  private static func residentPages() -> Int? {
    let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 256)
    let count = read(file, &text, text.count)
    guard count > 0 else { return nil }
    let fields = text[..<count].split(separator: UInt8(ascii: " "))
    return fields.count > 1 ? Int(String(decoding: fields[1], as: UTF8.self)) : nil
  }

  private static func openDescriptorCount() -> Int? {
    guard let folder = opendir("/proc/self/fd") else { return nil }
    defer { closedir(folder) }
    var count = 0
    while let entry = readdir(folder) {
      if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
    }
    // The listing itself has one open.
    return count - 1
  }
}
