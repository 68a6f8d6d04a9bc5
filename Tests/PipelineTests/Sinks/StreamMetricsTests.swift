import Foundation
import Metrics
import Testing

@testable import Pipeline

struct MetricsRegistryTests {
  private func page(_ registry: MetricsRegistry) -> String { String(decoding: registry.render(), as: UTF8.self) }

  @Test func showsEachKindOfMetric() {
    let registry = MetricsRegistry(descriptions: ["lines_total": "Lines, of\nall \\ kinds."])
    Counter(label: "lines_total", dimensions: [("sink", "a")], factory: registry).increment(by: 3)
    Counter(label: "lines_total", dimensions: [("sink", "b\"\\\n")], factory: registry).increment()
    let meter = Meter(label: "clients", factory: registry)
    meter.set(5)
    meter.decrement(by: 2)
    meter.increment(by: 0.5)
    #expect(
      page(registry) == #"""
        # HELP lines_total Lines, of\nall \\ kinds.
        # TYPE lines_total counter
        lines_total{sink="a"} 3
        lines_total{sink="b\"\\\n"} 1
        # TYPE clients gauge
        clients 3.5

        """#)
  }

  @Test func bucketsOfAHistogramAreCumulative() throws {
    let registry = MetricsRegistry()
    let timer = Metrics.Timer(label: "seconds", dimensions: [("stage", "find")], factory: registry)
    for milliseconds in [0.05, 3, 3, 20, 20.001, 60_000] { timer.recordNanoseconds(Int64(milliseconds * 1e6)) }
    let lines = page(registry).split(separator: "\n").map(String.init)
    func count(_ bound: String) throws -> Int {
      let prefix = "seconds_bucket{stage=\"find\",le=\"\(bound)\"} "
      return try #require(lines.first { $0.hasPrefix(prefix) }.flatMap { Int($0.dropFirst(prefix.count)) })
    }
    #expect(try count("0.0001") == 1)
    #expect(try count("0.0025") == 1)
    #expect(try count("0.005") == 3)
    #expect(try count("0.02") == 4)
    #expect(try count("0.03") == 5)
    #expect(try count("10") == 5)
    #expect(try count("+Inf") == 6)
    #expect(lines.contains("seconds_count{stage=\"find\"} 6"))
    let sum = try #require(lines.first { $0.hasPrefix("seconds_sum{stage=\"find\"} ") })
    #expect(abs(try #require(Double(sum.split(separator: " ")[1])) - 60.046051) < 1e-9)
  }

  @Test func theSameNameAndLabelsAreTheSameMetric() {
    let registry = MetricsRegistry()
    let first = Counter(label: "n", dimensions: [("a", "b")], factory: registry)
    Counter(label: "n", dimensions: [("a", "b")], factory: registry).increment()
    first.increment()
    #expect(page(registry).contains("n{a=\"b\"} 2\n"))
    first.destroy()
    #expect(page(registry).isEmpty)
  }

  @Test func threadsThatCountAtOnceLoseNothing() async {
    let registry = MetricsRegistry()
    let counter = Counter(label: "n", factory: registry)
    let meter = Meter(label: "m", factory: registry)
    let timer = Metrics.Timer(label: "t", factory: registry)
    await withDiscardingTaskGroup { group in
      for _ in 0..<4 {
        group.addTask {
          for _ in 0..<5000 {
            counter.increment()
            meter.increment(by: 1)
            timer.recordNanoseconds(1_000_000_000)
          }
        }
      }
    }
    for line in ["n 20000\n", "m 20000\n", "t_sum 20000\n", "t_count 20000\n", "t_bucket{le=\"1\"} 20000\n"] {
      #expect(page(registry).contains(line), "\(line)")
    }
  }

  @Test(
    arguments: [
      (0, "0"), (3, "3"), (-2, "-2"), (0.25, "0.25"), (1e20, "1e+20"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
      (.nan, "NaN"), (1e-9, "1e-09"),
    ] as [(Double, String)])
  func writesNumbersAsPrometheusReadsThem(value: Double, text: String) {
    #expect(prometheusNumber(value) == text)
  }
}

struct StreamMetricsTests {
  @Test func countsFrames() {
    let metrics = StreamMetrics(version: "1.2.3", labels: [("model", "default@1")])
    #expect(metrics.secondsSinceLastFrame == nil)
    metrics.noteFrame(faces: 2, isDamaged: false)
    metrics.noteFrame(faces: 0, isDamaged: true)
    metrics.record(.find, nanoseconds: 2_000_000)
    metrics.recordDelay(nanoseconds: 7_000_000)
    #expect(metrics.figure("ferd_frames_total") == 2)
    #expect(metrics.figure("ferd_faces_total") == 2)
    #expect(metrics.figure("ferd_frames_damaged_total") == 1)
    #expect(metrics.figure(#"ferd_build_info{version="1.2.3",model="default@1"}"#) == 1)
    #expect(metrics.figure(#"ferd_stage_seconds_count{stage="find"}"#) == 1)
    #expect(metrics.figure(#"ferd_stage_seconds_count{stage="decode"}"#) == 0)
    #expect(metrics.figure(#"ferd_delay_seconds_bucket{le="0.01"}"#) == 1)
    #expect((0..<10).contains(metrics.secondsSinceLastFrame ?? -1))
  }

  @Test func tellsOfTheProcess() throws {
    let metrics = testMetrics()
    let before = try #require(metrics.figure("process_open_fds"))
    let files = (0..<5).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
    // Other tests open and close files meanwhile.
    #expect(before > 2)
    for file in files { close(file) }
    #expect(try #require(metrics.figure("process_resident_memory_bytes")) > 1e6)
    #expect(try #require(metrics.figure("process_cpu_seconds_total")) > 0)
  }

  /// Every metric has a description and a type, and no line looks odd.
  @Test func thePageIsWellFormed() throws {
    let sample = try Regex(#"^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+$"#)
    var described: Set<Substring> = []
    for line in String(decoding: testMetrics().render(), as: UTF8.self).split(separator: "\n") {
      if line.hasPrefix("# HELP ") {
        described.insert(line.split(separator: " ")[2])
      } else if line.hasPrefix("# TYPE ") {
        let name = line.split(separator: " ")[2]
        #expect(described.contains(name) || name.hasPrefix("process_"), "\(name) is not described")
      } else {
        #expect(line.wholeMatch(of: sample) != nil, "\(line)")
      }
    }
    #expect(described.count > 15)
  }
}
