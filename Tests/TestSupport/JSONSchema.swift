public import Foundation

/// The part of JSON Schema (draft 2020-12) that the schemas in `docs/` use. A keyword that it does not know is an error,
/// so that nothing in a schema goes unchecked.
public struct JSONSchema {
  private let root: ParsedJSON

  public init(contentsOf url: URL) throws { root = try ParsedJSON.parse(Data(contentsOf: url)) }

  public init(_ text: String) throws { root = try ParsedJSON.parse(text) }

  /// What is wrong with a value, with the place; empty where nothing is.
  public func problems(with value: ParsedJSON) -> [String] { problems(value, root, at: "$") }

  private func problems(_ value: ParsedJSON, _ schema: ParsedJSON, at place: String) -> [String] {
    if case .boolean(let allowed) = schema { return allowed ? [] : ["\(place): not allowed"] }
    guard let keywords = schema.object else { return ["\(place): the schema is no object"] }
    return keywords.sorted { $0.key < $1.key }.flatMap { keyword, argument in
      problems(value, keyword: keyword, argument, of: keywords, at: place)
    }
  }

  private func problems(
    _ value: ParsedJSON, keyword: String, _ argument: ParsedJSON, of schema: [String: ParsedJSON], at place: String
  ) -> [String] {
    func check(_ condition: Bool, _ problem: String) -> [String] {
      condition ? [] : ["\(place): \(value) \(problem)"]
    }
    switch keyword {
    case "$schema", "$defs", "title", "description": return []
    case "$ref":
      guard let target = resolve(argument.string ?? "") else { return ["\(place): no \(argument) in the schema"] }
      return problems(value, target, at: place)
    case "oneOf":
      let outcomes = (argument.array ?? []).map { problems(value, $0, at: place) }
      let matches = outcomes.count { $0.isEmpty }
      return matches == 1 ? [] : ["\(place): matches \(matches) of \(outcomes.count): \(outcomes)"]
    case "type": return check(Self.isOf(type: argument.string ?? "", value), "is no \(argument)")
    case "const": return check(value == argument, "is not \(argument)")
    case "enum": return check((argument.array ?? []).contains(value), "is none of \(argument)")
    case "minimum": return check(value.number.map { $0 >= argument.number! } ?? true, "is below \(argument)")
    case "maximum": return check(value.number.map { $0 <= argument.number! } ?? true, "is above \(argument)")
    case "exclusiveMinimum":
      return check(value.number.map { $0 > argument.number! } ?? true, "is not above \(argument)")
    case "minLength":
      return check(value.string.map { $0.unicodeScalars.count >= argument.integer! } ?? true, "is too short")
    case "minItems": return check(value.array.map { $0.count >= argument.integer! } ?? true, "has too few items")
    case "maxItems": return check(value.array.map { $0.count <= argument.integer! } ?? true, "has too many items")
    case "items":
      return (value.array ?? []).enumerated().flatMap { problems($1, argument, at: "\(place)[\($0)]") }
    case "required":
      guard let members = value.object else { return [] }
      return (argument.array ?? []).compactMap(\.string).filter { members[$0] == nil }.map { "\(place): no \($0)" }
    case "properties":
      return (value.object ?? [:]).flatMap { name, member in
        argument[name].map { problems(member, $0, at: "\(place).\(name)") } ?? []
      }
    case "additionalProperties":
      let known = Set((schema["properties"]?.object ?? [:]).keys)
      return (value.object ?? [:]).filter { !known.contains($0.key) }.flatMap { name, member in
        problems(member, argument, at: "\(place).\(name)")
      }
    default: return ["\(place): the schema has a keyword that this validator does not know: \(keyword)"]
    }
  }

  private func resolve(_ reference: String) -> ParsedJSON? {
    guard reference.hasPrefix("#/") else { return nil }
    return reference.dropFirst(2).split(separator: "/").reduce(root as ParsedJSON?) { $0?[String($1)] }
  }

  private static func isOf(type: String, _ value: ParsedJSON) -> Bool {
    switch (type, value) {
    case ("object", .object), ("array", .array), ("string", .string), ("boolean", .boolean), ("number", .number),
      ("null", .null):
      true
    case ("integer", .number(let number)): Int(exactly: number) != nil
    default: false
    }
  }
}
