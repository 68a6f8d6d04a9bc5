import Foundation
import Yams

/// Looks through a configuration file for everything that is wrong with it.
///
/// swift-configuration, which reads the values, stops at the first structural error, tells no lines and does not mind keys
/// that nobody asks for. So the nodes of the YAML, which know their places, are looked through first.
struct ConfigurationFile {
  /// Nobody's configuration is larger.
  static let sizeLimit = 1 << 20
  /// Put before a key that comes again, so that the parser, which refuses such mappings, goes on. A character for
  /// private use, which no file should hold.
  private static let mark: Character = "\u{E000}"

  private let path: String
  private(set) var problems: [ConfigurationProblem] = []
  /// Whether there is any key in it.
  private(set) var hasContent = false

  /// - Parameter path: for messages.
  init(_ bytes: [UInt8], path: String) {
    self.path = path
    guard bytes.count <= Self.sizeLimit else {
      add(nil, "expected at most \(Self.sizeLimit) bytes, found \(bytes.count)")
      return
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      // A line break is never part of another character.
      let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      add((lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0) + 1, "expected UTF-8")
      return
    }
    guard !text.contains(Self.mark) else {
      add(Self.line(of: text.firstIndex(of: Self.mark)!, in: text), "a character for private use (U+E000)")
      return
    }
    check(text)
    problems.sort { $0.line < $1.line }
  }

  private mutating func add(_ line: Int?, _ text: String) {
    problems.append(ConfigurationProblem(place: .file(path, line: line), text: text))
  }

  private mutating func check(_ text: String) {
    var text = text
    while true {
      do {
        if let root = try Parser(yaml: text, encoding: .utf8).singleRoot() { check(root) }
        return
      } catch YamlError.duplicatedKeysInMapping(let names, let context) {
        guard let marked = Self.marking(context.mark, in: text) else {
          add(context.mark.line, "\(names.joined(separator: ", ")): given twice")
          return
        }
        text = marked
      } catch {
        let (line, problem) = Self.explain(error)
        add(line, problem)
        // Behind the error everything may be misunderstood, but what stands before it can still be looked through.
        let before = text.split(separator: "\n", omittingEmptySubsequences: false).prefix((line ?? 1) - 1)
        guard !before.isEmpty, before.count < text.split(separator: "\n", omittingEmptySubsequences: false).count
        else { return }
        var rest = ConfigurationFile(Array(before.joined(separator: "\n").utf8), path: path)
        // An error of the grammar there comes of the cut.
        rest.problems.removeAll { $0.text.hasPrefix(Self.syntax) }
        problems += rest.problems
        return
      }
    }
  }

  private mutating func check(_ root: Node) {
    guard let mapping = root.mapping else {
      let isNothing = root.scalar.map(Self.isNull) ?? false
      if !isNothing { add(root.mark?.line, "expected lines such as \"rate: 30\", found \(Self.describe(root))") }
      return
    }
    hasContent = !mapping.isEmpty
    var firstLines: [String: Int] = [:]
    let entries = mapping.map { ($0.key, $0.value) }.sorted { ($0.0.mark?.line ?? 0) < ($1.0.mark?.line ?? 0) }
    for (keyNode, value) in entries {
      let line = keyNode.mark?.line
      guard let name = keyNode.scalar.map({ String($0.string.drop { $0 == Self.mark }) }) else {
        add(line, "expected a key, found \(Self.describe(keyNode))")
        continue
      }
      if let first = firstLines[name] {
        add(line, "\(name): given again (first in line \(first))")
      } else {
        firstLines[name] = line ?? 0
      }
      guard let key = ConfigurationKey.named(name) else {
        add(line, "\(Self.quoted(name)): no such key" + (Self.nearest(name).map { "; did you mean \($0)?" } ?? ""))
        continue
      }
      check(value, of: key, line: line)
    }
  }

  private mutating func check(_ value: Node, of key: ConfigurationKey, line: Int?) {
    guard let scalar = value.scalar else {
      add(value.mark?.line ?? line, "\(key.name): expected \(key.expected), found \(Self.describe(value))")
      return
    }
    guard !Self.isNull(scalar) else {
      add(line, "\(key.name): expected \(key.expected), found no value")
      return
    }
    var ignored = StreamConfiguration()
    if !key.apply(scalar.string, &ignored) {
      let line = value.mark?.line ?? line
      add(line, "\(key.name): expected \(key.expected), found \(Self.quoted(scalar.string))")
    }
  }

  // MARK: Places and words

  private static let syntax = "no YAML: "

  /// Puts the mark before (in quotes: at the start of) the key at a place; nil where it is written in another way.
  private static func marking(_ place: Mark, in text: String) -> String? {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { Array($0.unicodeScalars) }
    guard lines.indices.contains(place.line - 1), lines[place.line - 1].indices.contains(place.column - 1) else {
      return nil
    }
    let first = Character(lines[place.line - 1][place.column - 1])
    let isQuote = first == "\"" || first == "'"
    guard isQuote || first.isLetter || first.isNumber || first == mark || first == "_" else { return nil }
    lines[place.line - 1].insert(mark.unicodeScalars.first!, at: place.column - 1 + (isQuote ? 1 : 0))
    return lines.map { String(String.UnicodeScalarView($0)) }.joined(separator: "\n")
  }

  private static func explain(_ error: any Error) -> (line: Int?, problem: String) {
    switch error {
    case YamlError.scanner(let context, let problem, let mark, _),
      YamlError.parser(let context, let problem, let mark, _),
      YamlError.composer(let context, let problem, let mark, _):
      let detail = context.map { "\($0.text), " } ?? ""
      let hint = problem.contains("cannot start any token") ? "; a value that begins with it needs quotes" : ""
      return (mark.line, syntax + detail + problem + hint)
    case YamlError.reader(let problem, let offset, _, let text):
      let line = offset.flatMap { text.index(text.startIndex, offsetBy: $0, limitedBy: text.endIndex) }
        .map { Self.line(of: $0, in: text) }
      return (line, syntax + problem)
    default: return (nil, syntax + "\(error)")
    }
  }

  private static func line(of index: String.Index, in text: String) -> Int {
    text[..<index].count { $0.isNewline } + 1
  }

  private static func describe(_ node: Node) -> String {
    switch node {
    case .mapping: "keys of its own"
    case .sequence: "a list"
    case .scalar(let scalar): quoted(scalar.string)
    case .alias: "an alias"
    }
  }

  /// What YAML calls null.
  private static func isNull(_ scalar: Node.Scalar) -> Bool {
    scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }

  private static func quoted(_ text: String) -> String {
    let shown = text.count > 60 ? text.prefix(60) + "…" : text[...]
    return "\"\(shown)\""
  }

  /// The key that differs by at most two letters.
  static func nearest(_ name: String) -> String? {
    let name = name.lowercased().replacing("_", with: "-").prefix(40)
    let distances = ConfigurationKey.all.map { (key: $0.name, distance: distance(name, $0.name[...])) }
    guard let best = distances.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= min(2, best.key.count / 2) ? best.key : nil
  }

  /// Letters to change, add or leave out (Levenshtein, 1965).
  private static func distance(_ a: Substring, _ b: Substring) -> Int {
    var row = Array(0...b.count)
    for (i, left) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, right) in b.enumerated() {
        let next = min(row[j] + 1, row[j + 1] + 1, diagonal + (left == right ? 0 : 1))
        diagonal = row[j + 1]
        row[j + 1] = next
      }
    }
    return row[b.count]
  }
}

extension ConfigurationProblem {
  fileprivate var line: Int { if case .file(_, let line?) = place { line } else { 0 } }
}
