import Foundation

/// JSON with errors that say which file and where in it.
enum JSONText {
  static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8], path: String, part: String? = nil
  ) throws(InferenceError) -> Value {
    let prefix = part.map { "\($0): " } ?? ""
    do {
      return try JSONDecoder().decode(type, fromForeign: Data(bytes))
    } catch let error as DecodingError {
      throw .unreadableFile(path: path, "\(prefix)\(error.summary)")
    } catch {
      throw .unreadableFile(path: path, "\(prefix)\(error)")
    }
  }

  /// The same value always gives the same text.
  static func encode<Value: Encodable>(
    _ value: Value, path: String, isPretty: Bool = false
  ) throws(InferenceError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting =
      isPretty
      ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
      : [
        .sortedKeys, .withoutEscapingSlashes,
      ]
    do {
      return [UInt8](try encoder.encode(value))
    } catch {
      throw .unreadableFile(path: path, "cannot be described in JSON: \(error)")
    }
  }
}

extension DecodingError {
  /// Where and what, in one line.
  var summary: String {
    func place(_ context: Context) -> String {
      let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
      return path.isEmpty ? "" : " at \(path)"
    }
    return switch self {
    case .keyNotFound(let key, let context): "\"\(key.stringValue)\" is missing\(place(context))"
    case .typeMismatch(let type, let context): "expected \(type)\(place(context))"
    case .valueNotFound(let type, let context): "expected \(type), found null\(place(context))"
    case .dataCorrupted(let context): "\(context.debugDescription)\(place(context))"
    @unknown default: "\(self)"
    }
  }
}
