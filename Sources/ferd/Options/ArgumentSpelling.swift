/// The original scripts spell options with underscores (`--data_dir`); ferd spells them with hyphens and takes both.
enum ArgumentSpelling {
  /// Replaces underscores in the names of long options, not in their values and not behind a lone `--`, and writes out
  /// the pair of networks that a lone `--backbones` stands for.
  static func normalised(_ arguments: [String]) -> [String] {
    let hyphened = hyphened(arguments)
    guard let place = hyphened.firstIndex(of: "--backbones"), !hyphened[..<place].contains("--") else {
      return hyphened
    }
    let next = hyphened.dropFirst(place + 1).first
    guard next?.hasPrefix("-") ?? true else { return hyphened }
    return Array(hyphened[...place]) + RecipeOptions.usualBackbones.map(\.rawValue) + hyphened[(place + 1)...]
  }

  private static func hyphened(_ arguments: [String]) -> [String] {
    var isBehindTerminator = false
    return arguments.map { argument in
      if argument == "--" { isBehindTerminator = true }
      guard !isBehindTerminator, argument.hasPrefix("--") else { return argument }
      guard let equals = argument.firstIndex(of: "=") else { return argument.replacing("_", with: "-") }
      return String(argument[..<equals].replacing("_", with: "-") + argument[equals...])
    }
  }
}
