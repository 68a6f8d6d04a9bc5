import ArgumentParser
import Foundation
import Inference

/// Prints a network as JSON, for the peers to build the same one.
struct SpecCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "spec", abstract: "Print a network of ours as JSON, for the peers' benchmarks.")

  @Argument(help: "fer48")
  var network: NetworkName

  func run() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    print(String(decoding: try encoder.encode(network.spec), as: UTF8.self))
  }
}

/// The networks that can be timed without weights.
enum NetworkName: String, ExpressibleByArgument, CaseIterable {
  case fer48

  var spec: ModelSpec {
    switch self {
    case .fer48: .fer48()
    }
  }
}
