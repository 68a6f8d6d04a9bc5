import Inference
import Testing

@testable import Training

struct StandardRecipeTests {
  @Test(arguments: [[.resnet18], [.efficientNetB0, .resnet18], [.mobileNetV3Small]] as [[Backbone]])
  func largerNetworksHaveTheDocumentedDefaults(_ backbones: [Backbone]) throws {
    let recipe = TrainingRecipe.standard(backbones)
    try recipe.validate()
    #expect(recipe.batchSize == 16 && recipe.imageSize == 224 && recipe.learningRate == 1e-4)
    #expect(recipe.epochs == 50 && recipe.patience == 10)
    #expect(recipe.layerRates.stem < recipe.layerRates.body && recipe.layerRates.body < recipe.layerRates.head)
    let name = try recipe.makeSpec(classes: 7).name
    #expect(name == backbones.map(\.rawValue).joined(separator: "+"))
  }

  @Test func ourOwnNetworkHasItsOwn() throws {
    #expect(TrainingRecipe.standard([.fer48]) == TrainingRecipe())
  }

  @Test func preTrainingFocusesOnClassesBelowTheMean() {
    let labels = ClassLabels(["angry", "happy", "sad"])
    let recipe = TrainingRecipe().pretraining(labels: labels, classCounts: [10, 90, 50])
    #expect(recipe.focus == ["angry"] && recipe.samplerPower == 1)
    #expect(TrainingRecipe().pretraining(labels: labels, classCounts: [40, 40, 100]).focus == ["angry", "happy"])
    var chosen = TrainingRecipe()
    chosen.focus = ["sad"]
    #expect(chosen.pretraining(labels: labels, classCounts: [10, 90, 50]).focus == ["sad"])
  }

  /// Of 300 pictures in an epoch, the class in focus gets twice as many as each of the others.
  @Test func preTrainingShowsTheClassesInFocusTwiceAsOften() throws {
    let labels = ClassLabels(["angry", "happy", "sad"])
    let files = (0..<300).map { PictureFile(path: "\($0)", label: $0 < 20 ? 0 : $0 < 200 ? 1 : 2) }
    let pictures = PictureSet(
      imageSize: 2, labels: labels, files: files, pixels: [UInt8](repeating: 0, count: 1200))
    let recipe = TrainingRecipe().pretraining(labels: labels, classCounts: pictures.classCounts)
    #expect(recipe.focus == ["angry"] || recipe.focus == ["angry", "sad"])
    let shown = try recipe.shownCounts(of: pictures)
    #expect(shown.reduce(0, +) == 300)
    for (name, count) in zip(labels.names, shown) {
      let shares = recipe.focus.contains(name) ? 2 : 1
      #expect(abs(count - 300 * shares / (3 + recipe.focus.count)) <= 1)
    }
  }
}
