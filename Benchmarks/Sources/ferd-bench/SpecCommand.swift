import ArgumentParser
import Foundation
import Inference

/// Prints a network as JSON, for the peers to build the same one.
struct SpecCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "spec", abstract: "Print a network of ours as JSON, for the peers' benchmarks.")

  @Argument(help: NetworkChoice.help)
  var network: NetworkChoice

  func run() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    print(String(decoding: try encoder.encode(network.load().spec), as: UTF8.self))
  }
}
