/// The classes of a data set: their order is that of every score, row and column, and folders are found by their names.
public struct ClassLabels: Equatable, Sendable {
  /// Canonical names, in order.
  public let names: [String]
  /// Usual spellings in lower case, to positions.
  private let positions: [String: Int]

  /// The seven emotions of FER2013 in ferd's order.
  public static let emotions = ClassLabels(
    names: ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"],
    spellings: [
      "angry": ["anger"], "disgust": ["disgusted"], "fear": ["fearful", "afraid", "scared"],
      "happy": ["happiness", "joy"], "sad": ["sadness"], "surprise": ["surprised"],
      "neutral": ["neutrality", "calm"],
    ])

  /// - Parameter spellings: further names of a class, by its canonical one.
  private init(names: [String], spellings: [String: [String]]) {
    self.names = names
    var positions: [String: Int] = [:]
    for (position, name) in names.enumerated() {
      for spelling in [name] + (spellings[name] ?? []) { positions[spelling.lowercased()] = position }
    }
    self.positions = positions
  }

  /// Position of the class that a folder of this name holds; upper and lower case are the same.
  public func position(of name: String) -> Int? { positions[name.lowercased()] }

  public var count: Int { names.count }
}
