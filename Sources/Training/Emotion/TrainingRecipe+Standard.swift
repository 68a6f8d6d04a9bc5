public import Inference

extension TrainingRecipe {
  /// What a run goes by that names no recipe.
  ///
  /// For `fer48` alone: the settings that it was made with. For the larger backbones, alone or fused: AdamW in small batches
  /// at a low rate, most of it for the last layers, with warm restarts, until ten epochs bring nothing better.
  public static func standard(_ backbones: [Backbone]) -> TrainingRecipe {
    precondition(!backbones.isEmpty)
    var recipe = TrainingRecipe()
    recipe.backbone = backbones[0].rawValue
    if backbones.count > 1 { recipe.backbones = backbones.map(\.rawValue) }
    guard backbones != [.fer48] else { return recipe }
    let size = backbones.map(\.imageSize).max()!
    recipe.imageSize = size
    recipe.earlyImageSize = size
    recipe.batchSize = 16
    recipe.epochs = 50
    recipe.patience = 10
    recipe.optimiser = .adamw
    recipe.learningRate = 1e-4
    recipe.weightDecay = 0.01
    recipe.layerRates = LayerRates(stem: 0.3, body: 0.6, head: 1)
    recipe.restartEpochs = 10
    recipe.restartGrowth = 2
    recipe.labelSmoothing = 0.1
    return recipe
  }

  /// Epochs of a pre-training where nobody says otherwise.
  public static let pretrainingEpochs = 15
  /// Its level of augmentation.
  public static let pretrainingLevel = 3

  /// The recipe of the first of two phases: a network that knows the under-represented classes before it meets the
  /// others' masses.
  ///
  /// Under-represented are the classes with fewer pictures than the mean class. All classes are sampled equally often
  /// (at least; a stronger power stays), these `focusFactor` times as often, and their recall counts as much more where the
  /// best epoch is selected. Classes that the recipe has in focus already take their place.
  ///
  /// - Parameter classCounts: Pictures by class, in the order of the labels.
  public func pretraining(labels: ClassLabels, classCounts: [Int]) -> TrainingRecipe {
    var recipe = self
    recipe.samplerPower = max(1, samplerPower)
    if focus.isEmpty {
      let mean = Double(classCounts.reduce(0, +)) / Double(max(1, classCounts.count))
      recipe.focus = zip(labels.names, classCounts).filter { Double($1) < mean }.map(\.0)
    }
    return recipe
  }
}
