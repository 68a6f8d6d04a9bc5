import Foundation
public import Inference

extension CropGeometry {
  /// As a model file's record carries it.
  public var json: JSONValue {
    // Encoding plain numbers and strings, and reading them back as JSON, cannot fail.
    let data = try! JSONEncoder().encode(self)
    return try! JSONDecoder().decode(JSONValue.self, from: data)
  }

  /// The framing in a model file's record; nil where it has none, as in models that others trained.
  ///
  /// - Throws: `InferenceError.invalidModel` where it has one that cannot be understood.
  public init?(of model: ModelFile) throws(InferenceError) {
    try self.init(of: model.record, model: model.spec.name)
  }

  /// The same from the record alone; `model` is the network's name for messages.
  public init?(of record: ModelRecord, model: String) throws(InferenceError) {
    guard let json = record.cropGeometry else { return nil }
    do {
      self = try JSONDecoder().decode(CropGeometry.self, from: try JSONEncoder().encode(json))
    } catch {
      throw .invalidModel(node: model, "its crop geometry: \(error)")
    }
  }
}
