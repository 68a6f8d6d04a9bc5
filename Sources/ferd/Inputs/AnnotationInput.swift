/// One video or picture to annotate.
struct AnnotationInput: Equatable {
  /// A path, a URL, or `-`.
  var path: RawPath
  /// Where it was found below a folder that the user named; nil for inputs that were named themselves.
  var relativeToFolder: RawPath?

  /// The name in `hello` and in messages.
  var displayName: String { path.displayName }

  var isStandardInput: Bool { path.bytes == [UInt8(ascii: "-")] }

  var isURL: Bool { path.displayName.contains("://") }
}
