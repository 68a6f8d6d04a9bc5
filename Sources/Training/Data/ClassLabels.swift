import Inference

/// The classes of a data set: their order is that of every score, row and column, and folders are found by their names.
public struct ClassLabels: Equatable, Sendable {
  /// In order.
  public let names: [String]

  /// - Parameter names: At least one, all different.
  public init(_ names: [String]) {
    precondition(!names.isEmpty && Set(names).count == names.count, "classes called \(names)")
    self.names = names
  }

  /// The seven emotions of FER2013 in ferd's order.
  public static let emotions = ClassLabels(ModelDeclaration.emotions)

  /// Position of the class that a folder of this name holds, in any usual spelling of the emotions.
  public func position(of name: String) -> Int? { EmotionLabel.index(of: name, in: names) }

  public var count: Int { names.count }
}
