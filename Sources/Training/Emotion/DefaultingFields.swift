/// Reads settings of which files may lack some.
struct DefaultingFields<Key: CodingKey> {
  private let container: KeyedDecodingContainer<Key>

  init(_ decoder: any Decoder, keyedBy type: Key.Type) throws {
    container = try decoder.container(keyedBy: type)
  }

  /// Leaves `value` as it is where the key is missing.
  func take<Value: Decodable>(_ key: Key, _ value: inout Value) throws {
    if let given = try container.decodeIfPresent(Value.self, forKey: key) { value = given }
  }
}
