import Foundation

/// JSON whose fields keep their order, for files that people read.
package enum OrderedJSON: Sendable {
  case object([(name: String, value: OrderedJSON)])
  case array([OrderedJSON])
  /// What is no number becomes null.
  case number(Double)
  case integer(Int)
  case string(String)
  case bool(Bool)

  /// A number for each name.
  package static func numbers(_ names: [String], _ values: [Double]) -> OrderedJSON {
    .object(zip(names, values).map { ($0, .number($1)) })
  }

  /// - Parameter isPretty: True = a line for each field of the objects, as far as they do not fit on one.
  package func text(isPretty: Bool) -> String { isPretty ? pretty(indentation: 0) : compact }

  private static let lineLength = 100

  private var compact: String {
    switch self {
    case .object(let fields):
      "{\(fields.map { "\(Self.quoted($0.name)):\($0.value.compact)" }.joined(separator: ","))}"
    case .array(let values): "[\(values.map(\.compact).joined(separator: ","))]"
    case .number(let value): Self.text(value)
    case .integer(let value): String(value)
    case .string(let value): Self.quoted(value)
    case .bool(let value): String(value)
    }
  }

  private func pretty(indentation: Int) -> String {
    let space = String(repeating: " ", count: indentation + 2)
    let end = "\n" + String(repeating: " ", count: indentation)
    switch self {
    case .object(let fields):
      let line = fields.map { "\(Self.quoted($0.name)): \($0.value.pretty(indentation: 0))" }.joined(
        separator: ", ")
      if indentation > 0, !line.contains("\n"), line.count + indentation < Self.lineLength { return "{\(line)}" }
      let lines = fields.map { "\(space)\(Self.quoted($0.name)): \($0.value.pretty(indentation: indentation + 2))" }
      return "{\n\(lines.joined(separator: ",\n"))\(end)}"
    case .array(let values):
      let line = values.map { $0.pretty(indentation: 0) }.joined(separator: ", ")
      if !line.contains("\n"), line.count + indentation < Self.lineLength { return "[\(line)]" }
      let lines = values.map { "\(space)\($0.pretty(indentation: indentation + 2))" }
      return "[\n\(lines.joined(separator: ",\n"))\(end)]"
    default: return compact
    }
  }

  private static func text(_ value: Double) -> String {
    guard value.isFinite else { return "null" }
    return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
  }

  private static func quoted(_ text: String) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    // A string always has a JSON form.
    return String(decoding: try! encoder.encode(text), as: UTF8.self)
  }
}
