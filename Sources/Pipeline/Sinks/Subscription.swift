import Foundation
import Inference

/// Which lines a reader wants: all of them unless it says otherwise (`docs/subscription.schema.json`).
struct Subscription: Equatable, Sendable {
  /// Frames without faces are left out.
  var isFacesOnly = false
  /// nil = whole lines.
  var fields: FieldSubset?
  /// Of the frames that are left, each so many-th.
  var every = 1

  static let everything = Subscription()

  /// Why a request is none.
  struct Problem: Error, Equatable {
    var message: String
  }

  /// - Parameter request: one JSON object, without its line break.
  init(request: [UInt8]) throws(Problem) {
    guard let value = try? JSONDecoder().decode(JSONValue.self, fromForeign: Data(request)) else {
      throw Problem(message: "expected one line of JSON such as {\"faces\":\"only\"}, found something else")
    }
    guard case .object(let object) = value else {
      throw Problem(message: "expected a JSON object such as {\"faces\":\"only\"}, found another value")
    }
    // Sorted, so that of several problems always the same one is told.
    for (key, value) in object.sorted(by: { $0.key < $1.key }) {
      switch key {
      case "faces": try setFaces(value)
      case "fields": try setFields(value)
      case "every": try setEvery(value)
      default: throw Problem(message: "expected faces, fields or every, found \(Self.quoted(key))")
      }
    }
  }

  private init() {}

  /// - Parameter parameters: of a URL, such as `faces=only&fields=seq,emotion&every=3`.
  init(parameters: some Sequence<(key: String, value: String)>) throws(Problem) {
    for (key, value) in parameters {
      switch key {
      case "faces": try setFaces(.string(value))
      case "fields": try setFields(.array(value.split(separator: ",").map { .string(String($0)) }))
      case "every": try setEvery(Double(value).map { .number($0) } ?? .string(value))
      default: throw Problem(message: "expected faces, fields or every, found \(Self.quoted(key))")
      }
    }
  }

  private mutating func setFaces(_ value: JSONValue) throws(Problem) {
    switch value {
    case .string("only"): isFacesOnly = true
    case .string("all"): isFacesOnly = false
    default: throw Problem(message: "faces: expected \"only\" or \"all\", found something else")
    }
  }

  private mutating func setFields(_ value: JSONValue) throws(Problem) {
    guard case .array(let elements) = value else {
      throw Problem(message: "fields: expected a list of names, found something else")
    }
    var names: [String] = []
    for element in elements {
      guard case .string(let name) = element else {
        throw Problem(message: "fields: expected names, found something else")
      }
      guard FieldSubset([name]) != nil else {
        let known = FieldSubset.frameFields + FieldSubset.faceFields
        throw Problem(
          message: "fields: expected some of \(known.joined(separator: ", ")), found \(Self.quoted(name))")
      }
      names.append(name)
    }
    fields = FieldSubset(names)
  }

  private mutating func setEvery(_ value: JSONValue) throws(Problem) {
    guard case .number(let number) = value, let count = Int(exactly: number), (1...1_000_000).contains(count) else {
      throw Problem(message: "every: expected a whole number from 1 to 1000000, found something else")
    }
    every = count
  }

  /// At most 40 characters of what somebody sent.
  private static func quoted(_ text: String) -> String {
    "\"\(text.prefix(40))\(text.count > 40 ? "…" : "")\""
  }
}

/// Applies a subscription to the lines of one reader.
struct SubscriptionFilter {
  var subscription: Subscription
  private var framesUntilNext = 0

  init(_ subscription: Subscription = .everything) { self.subscription = subscription }

  /// Whether the reader wants the line. To be asked once for each line, in order.
  mutating func wants(_ line: BroadcastLine) -> Bool {
    guard line.kind == .frame else { return true }
    if subscription.isFacesOnly && line.faceCount == 0 { return false }
    if framesUntilNext > 0 {
      framesUntilNext -= 1
      return false
    }
    framesUntilNext = subscription.every - 1
    return true
  }
}

/// One line for many readers: what several of them want is made once. Belongs to one thread.
final class SharedLine<Payload> {
  let line: BroadcastLine
  private let make: ([UInt8]) -> Payload
  private lazy var whole = make(line.bytes)
  private var subsets: [FieldSubset: Payload] = [:]

  /// - Parameter make: turns a line into what is written.
  init(_ line: BroadcastLine, make: @escaping ([UInt8]) -> Payload) {
    self.line = line
    self.make = make
  }

  func payload(_ subset: FieldSubset?) -> Payload {
    guard let subset, line.kind == .frame else { return whole }
    if let payload = subsets[subset] { return payload }
    let payload = make(subset.applied(to: line.bytes))
    subsets[subset] = payload
    return payload
  }
}

/// The line that tells a reader what is wrong with what it sent.
func encodedError(_ message: String) -> [UInt8] {
  var line = LineBuffer()
  line.append(#"{"v":1,"type":"error","message":"#)
  line.append(jsonString: message)
  line.append("}\n")
  return line.bytes
}
