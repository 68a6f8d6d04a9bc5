import Metrics

/// What a metric's lines on the page come from.
protocol RenderedMetric: AnyObject, Sendable {
  /// Prometheus' name of its type.
  var type: StaticString { get }
  /// Appends the metric's lines but for the comments.
  ///
  /// - Parameter labels: `name="value"`, separated by commas, escaped; may be empty.
  func render(name: String, labels: String, to page: inout LineBuffer)
}

extension RenderedMetric {
  func appendSample(_ name: String, _ labels: String, _ value: String, to page: inout LineBuffer) {
    page.append(bytes: Array(name.utf8))
    if !labels.isEmpty {
      page.append("{")
      page.append(bytes: Array(labels.utf8))
      page.append("}")
    }
    page.append(" ")
    page.append(bytes: Array(value.utf8))
    page.append("\n")
  }
}

final class CountingHandler: CounterHandler, RenderedMetric {
  let type: StaticString = "counter"
  private let count = AtomicInteger()

  func increment(by amount: Int64) { count.add(amount) }

  func reset() { count.set(0) }

  func render(name: String, labels: String, to page: inout LineBuffer) {
    appendSample(name, labels, "\(count.value)", to: &page)
  }
}

/// A number that goes up and down; recorders that do not aggregate are the same.
final class GaugeHandler: MeterHandler, RecorderHandler, RenderedMetric {
  let type: StaticString = "gauge"
  private let number = AtomicDouble()

  func set(_ value: Int64) { number.set(Double(value)) }
  func set(_ value: Double) { number.set(value) }
  func increment(by amount: Double) { number.add(amount) }
  func decrement(by amount: Double) { number.add(-amount) }
  func record(_ value: Int64) { set(value) }
  func record(_ value: Double) { set(value) }

  func render(name: String, labels: String, to page: inout LineBuffer) {
    appendSample(name, labels, prometheusNumber(number.value), to: &page)
  }
}

/// Durations, counted by size.
///
/// Counts, sum and buckets are atomic each, not together: a page may show a duration in one and not yet in another.
final class HistogramHandler: TimerHandler, RecorderHandler, RenderedMetric {
  /// Upper ends in seconds: from what a line costs to be written up to a camera that hangs.
  static let durationBounds = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.1, 0.25, 0.5, 1, 2.5, 10,
  ]

  let type: StaticString = "histogram"
  private let bounds: [Double]
  /// One for each bound and one for what is above them all; not cumulative.
  private let buckets: [AtomicInteger]
  private let sum = AtomicDouble()

  init(bounds: [Double] = durationBounds) {
    self.bounds = bounds
    buckets = (0...bounds.count).map { _ in AtomicInteger() }
  }

  func recordNanoseconds(_ duration: Int64) { record(Double(duration) * 1e-9) }

  func record(_ value: Int64) { record(Double(value)) }

  func record(_ value: Double) {
    buckets[bounds.firstIndex { value <= $0 } ?? bounds.count].add(1)
    sum.add(value)
  }

  func render(name: String, labels: String, to page: inout LineBuffer) {
    let separator = labels.isEmpty ? "" : ","
    var count: Int64 = 0
    for (bound, bucket) in zip(bounds, buckets) {
      count += bucket.value
      let bucketLabels = "\(labels)\(separator)le=\"\(prometheusNumber(bound))\""
      appendSample("\(name)_bucket", bucketLabels, "\(count)", to: &page)
    }
    count += buckets[bounds.count].value
    appendSample("\(name)_bucket", "\(labels)\(separator)le=\"+Inf\"", "\(count)", to: &page)
    appendSample("\(name)_sum", labels, prometheusNumber(sum.value), to: &page)
    appendSample("\(name)_count", labels, "\(count)", to: &page)
  }
}

/// A number as the text format writes it: whole ones without a fraction.
func prometheusNumber(_ value: Double) -> String {
  if value.isNaN { return "NaN" }
  if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
  if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
  return "\(value)"
}
