public import Foundation

/// Any JSON value.
public enum ParsedJSON: Equatable, Sendable, Decodable {
  case null
  case boolean(Bool)
  case number(Double)
  case string(String)
  case array([ParsedJSON])
  case object([String: ParsedJSON])

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([ParsedJSON].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: ParsedJSON].self))
    }
  }

  public static func parse(_ data: Data) throws -> ParsedJSON {
    try JSONDecoder().decode(ParsedJSON.self, from: data)
  }

  public static func parse(_ text: some StringProtocol) throws -> ParsedJSON { try parse(Data(text.utf8)) }

  /// A member of an object; nil for everything else.
  public subscript(_ key: String) -> ParsedJSON? { object?[key] }

  /// An element of an array; nil for everything else.
  public subscript(_ index: Int) -> ParsedJSON? {
    guard let array, array.indices.contains(index) else { return nil }
    return array[index]
  }

  public var object: [String: ParsedJSON]? { if case .object(let value) = self { value } else { nil } }
  public var array: [ParsedJSON]? { if case .array(let value) = self { value } else { nil } }
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var number: Double? { if case .number(let value) = self { value } else { nil } }
  public var integer: Int? { number.flatMap { Int(exactly: $0) } }
}
