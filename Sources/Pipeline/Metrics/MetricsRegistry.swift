public import Metrics
import Threads

/// Holds metrics and shows them as a page of Prometheus' text exposition format, version 0.0.4
/// (prometheus.io/docs/instrumenting/exposition_formats).
///
/// Making a metric takes a lock, using it only atomic operations.
public final class MetricsRegistry: MetricsFactory {
  /// One metric with its labels.
  private struct Entry {
    var labels: String
    var metric: any RenderedMetric
  }

  /// All metrics of one name: same type, same meaning.
  private struct Family {
    var name: String
    var entries: [Entry] = []
  }

  private let descriptions: [String: String]
  private let families = Guarded<[Family]>([])

  /// - Parameter descriptions: what each metric tells, by name; shown on the page.
  public init(descriptions: [String: String] = [:]) { self.descriptions = descriptions }

  /// The page with the figures of this moment.
  public func render() -> [UInt8] {
    let families = families.withLock { $0 }
    var page = LineBuffer()
    for family in families {
      guard let first = family.entries.first else { continue }
      if let description = descriptions[family.name] {
        page.append(bytes: Array("# HELP \(family.name) \(escaped(description, quotes: false))\n".utf8))
      }
      page.append(bytes: Array("# TYPE \(family.name) ".utf8))
      page.append(first.metric.type)
      page.append("\n")
      for entry in family.entries { entry.metric.render(name: family.name, labels: entry.labels, to: &page) }
    }
    return page.bytes
  }

  // MARK: MetricsFactory

  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    metric(label, dimensions) { CountingHandler() }
  }

  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    metric(label, dimensions) { GaugeHandler() }
  }

  public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    if aggregate { return metric(label, dimensions) { HistogramHandler() } }
    return metric(label, dimensions) { GaugeHandler() }
  }

  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    metric(label, dimensions) { HistogramHandler() }
  }

  public func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
  public func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
  public func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
  public func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

  /// The metric of that name and those labels, made where there is none.
  private func metric<Handler: RenderedMetric>(
    _ name: String, _ dimensions: [(String, String)], make: () -> Handler
  ) -> Handler {
    let labels = dimensions.map { "\($0)=\"\(escaped($1, quotes: true))\"" }.joined(separator: ",")
    return families.withLock { families in
      let index = families.firstIndex { $0.name == name } ?? families.endIndex
      if index == families.endIndex { families.append(Family(name: name)) }
      if let entry = families[index].entries.first(where: { $0.labels == labels }) {
        guard let handler = entry.metric as? Handler else {
          preconditionFailure("\(name) is a \(entry.metric.type) already")
        }
        return handler
      }
      let handler = make()
      families[index].entries.append(Entry(labels: labels, metric: handler))
      return handler
    }
  }

  private func remove(_ handler: AnyObject) {
    families.withLock { families in
      for index in families.indices { families[index].entries.removeAll { $0.metric === handler } }
    }
  }

  private func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}
