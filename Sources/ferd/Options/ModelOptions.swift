public import ArgumentParser
import Foundation
public import Inference

/// Which network to use and how to run it; the same in every subcommand that uses one.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Ensemble folder, model file (.safetensors), or a state dict of PyTorch (.pth, .safetensors) with --backbone.",
      discussion: "Default: $FERD_MODEL, or else the bundled ensemble.", valueName: "path"))
  var model: String?

  @Option(
    help: ArgumentHelp(
      "Network that a state dict is for: \(Backbone.list). Its input is normalised as torchvision's.",
      valueName: "name"))
  var backbone: Backbone?

  @Option(
    help: ArgumentHelp(
      "Classes in the order of a state dict's results. Default: \(ModelDeclaration.emotions.joined(separator: ",")).",
      valueName: "a,b,c"))
  var labels: String?

  @Option(
    help: ArgumentHelp("Side of a state dict's input in pixels. Default: the network's usual one.", valueName: "n"))
  var imageSize: Int?

  @Option(
    help: ArgumentHelp(
      "Number format inside the network: f32 or bf16. Default: the fastest that the processor and the model support."
    ))
  var precision: Precision?

  @Option(
    help: ArgumentHelp("Threads for the networks. Default: chosen by the subcommand.", valueName: "n"))
  var threads: Int?

  func validate() throws {
    if let threads, !(1...1024 ~= threads) {
      throw ValidationError("--threads takes a number from 1 to 1024, not \(threads).")
    }
    if let imageSize, !(16...1024 ~= imageSize) {
      throw ValidationError("--image-size takes a number from 16 to 1024, not \(imageSize).")
    }
    if let names = declaration.labels, names.contains("") || Set(names).count != names.count {
      throw ValidationError("--labels takes different names with commas between them, not \"\(labels ?? "")\".")
    }
  }

  /// What the command line says about a state dict.
  var declaration: ModelDeclaration {
    ModelDeclaration(backbone: backbone, labels: labels.map(NameList.parse), imageSize: imageSize)
  }

  /// Where the ensemble lies.
  ///
  /// - Throws: `CommandFailure` (66) where there is none.
  func path() throws -> String {
    try ModelLocator().path(
      given: model, variable: "FERD_MODEL", bundledName: ModelLocator.ensembleName, what: "model", option: "--model"
    )
  }
}

extension Precision: ExpressibleByArgument {}
extension Backbone: ExpressibleByArgument {}
