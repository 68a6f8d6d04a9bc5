public import ArgumentParser
import Foundation
import Inference
public import Training

/// The settings of a training run: a recipe file, and flags that win over it.
struct RecipeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Recipe (JSON, see config/recipes); the options below win over it.", valueName: "file"))
  var recipe: String?

  @Option(help: ArgumentHelp("Network: \(Backbone.list).", valueName: "name"))
  var backbone: String?

  @Option(
    help: ArgumentHelp(
      "Strength of augmentation: 0 (none) to 3, more for under-represented classes. Default without a recipe: 2.",
      valueName: "0…3"))
  var augmentationLevel: Int?

  @Option(help: ArgumentHelp("Passes over the data.", valueName: "n"))
  var epochs: Int?

  @Option(help: ArgumentHelp("Highest learning rate.", valueName: "x"))
  var learningRate: Float?

  @Option(help: ArgumentHelp("Pictures per step.", valueName: "n"))
  var batchSize: Int?

  @Option(help: ArgumentHelp("Epochs without a better score after which training ends; 0: never.", valueName: "n"))
  var patience: Int?

  @Option(help: ArgumentHelp("Side of the pictures in pixels.", valueName: "n"))
  var imageSize: Int?

  @Flag(help: "Keep the last step's weights instead of their moving average.")
  var noEma = false

  @Option(
    help: ArgumentHelp(
      "How often classes come: natural, balanced, dynamic (balanced, then by validation recall), or a power from 0 "
        + "(natural) to 1 (balanced).", valueName: "kind"))
  var sampler: String?

  @Option(help: ArgumentHelp("Classes of extra importance, separated by commas.", valueName: "names"))
  var focus: String?

  @Option(help: "Loss: cross-entropy, class-weighted or balanced-softmax.")
  var loss: TrainingRecipe.LossKind?

  @Option(help: ArgumentHelp("Part of the targets that --soft-labels give, 0 to 1.", valueName: "x"))
  var softLabelShare: Float?

  @Option(help: ArgumentHelp("Seed of everything random.", valueName: "n"))
  var seed: UInt64?

  /// The recipe's part of what `--sampler` says.
  private var sampling: (power: Float, isDynamic: Bool)? {
    get throws {
      switch sampler {
      case nil: return nil
      case "natural": return (0, false)
      case "balanced": return (1, false)
      case "dynamic": return (1, true)
      case let text?:
        guard let power = Float(text), 0...2 ~= power else {
          throw ValidationError(
            "--sampler takes natural, balanced, dynamic or a power from 0 to 2, not \"\(text)\".")
        }
        return (power, false)
      }
    }
  }

  func validate() throws {
    _ = try sampling
    if let augmentationLevel, AugmentationPolicy.level(augmentationLevel) == nil {
      throw ValidationError("--augmentation-level takes 0 to 3, not \(augmentationLevel).")
    }
  }

  /// - Throws: `TrainingError` for a recipe that is missing or not valid.
  func make() throws -> TrainingRecipe {
    var result = try recipe.map { try TrainingRecipe.read($0) } ?? TrainingRecipe()
    if let backbone { result.backbone = backbone }
    // A recipe means what it says; a level, named or by default, is meant for classes as unequal as they come.
    if let level = augmentationLevel ?? (recipe == nil ? 2 : nil) {
      result.augmentation = AugmentationPolicy.level(level)!
      result.targetedAugmentation = true
    }
    if let epochs { result.epochs = epochs }
    if let learningRate { result.learningRate = learningRate }
    if let batchSize { result.batchSize = batchSize }
    if let patience { result.patience = patience }
    if let imageSize { result.imageSize = imageSize }
    if noEma { result.emaDecay = 0 }
    if let sampling = try sampling {
      result.samplerPower = sampling.power
      result.dynamicSampling = sampling.isDynamic
    }
    if let focus {
      result.focus = focus.split(separator: ",", omittingEmptySubsequences: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
    }
    if let loss { result.loss = loss }
    if let softLabelShare { result.softLabelShare = softLabelShare }
    if let seed { result.seed = seed }
    try result.validate()
    return result
  }
}

extension TrainingRecipe.LossKind: ExpressibleByArgument {}
