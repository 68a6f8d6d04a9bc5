/// The original scripts spell options with underscores (`--data_dir`); ferd spells them with hyphens and takes both.
enum ArgumentSpelling {
  /// Replaces underscores in the names of long options, not in their values and not behind a lone `--`.
  static func normalised(_ arguments: [String]) -> [String] {
    var isBehindTerminator = false
    return arguments.map { argument in
      if argument == "--" { isBehindTerminator = true }
      guard !isBehindTerminator, argument.hasPrefix("--") else { return argument }
      guard let equals = argument.firstIndex(of: "=") else { return argument.replacing("_", with: "-") }
      return String(argument[..<equals].replacing("_", with: "-") + argument[equals...])
    }
  }
}
