import Foundation
import Pixels
import Testing

@testable import Training

/// The bundled network was trained on the pictures that `AugmentationPolicy.standard` gave when there was no more than it:
/// flip, affine warp, contrast, brightness, erasing. A recipe that asks for these alone gives them bit for bit still.
struct StandardAugmentationTests {
  @Test(arguments: [(48, 48), (48, 32), (20, 48)]) func givesThePicturesThatItAlwaysGave(source: Int, target: Int) {
    var random = RandomGenerator(seed: 12)
    let picture = (0..<source * source).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let augmenter = PictureAugmenter(
      policy: .standard, sourceSize: source, imageSize: target, normalisation: .fer2013)
    for seed in 0..<24 as Range<UInt64> {
      var first = RandomGenerator(seed: seed)
      var second = first
      var result = [Float](repeating: .nan, count: target * target)
      picture.withUnsafeBufferPointer { picture in
        result.withUnsafeMutableBufferPointer {
          augmenter.render(picture.baseAddress!, to: $0.baseAddress!, random: &first)
        }
      }
      let expected = Self.reference(picture, source: source, target: target, &second)
      #expect(result.map(\.bitPattern) == expected.map(\.bitPattern))
      #expect(first == second, "as many draws as ever")
    }
  }

  private static func ratio(_ range: Float, _ random: inout RandomGenerator) -> Float {
    exp(log(1 + range) * random.uniform(-1, 1))
  }

  private static func reference(
    _ picture: [UInt8], source: Int, target: Int, _ random: inout RandomGenerator
  ) -> [Float] {
    let mirrored = random.chance(0.5)
    let angle = 12 * random.uniform(-1, 1) * .pi / 180
    let scale = ratio(0.15, &random)
    let stretch = ratio(0.05, &random).squareRoot()
    let size = Float(source)
    let shiftX = 0.12 * size * random.uniform(-1, 1)
    let shiftY = 0.12 * size * random.uniform(-1, 1)
    let cosine = cos(angle) / scale
    let sine = sin(angle) / scale
    let reduction = size / Float(target)
    let a = (mirrored ? -cosine : cosine) * stretch * reduction
    let b = (mirrored ? -sine : sine) * stretch * reduction
    let c = -sine / stretch * reduction
    let d = cosine / stretch * reduction
    let middle = Float(target) / 2
    let map = Pixels.AffineTransform(
      a: a, b: b, tx: size / 2 - (a + b) * middle + shiftX, c: c, d: d, ty: size / 2 - (c + d) * middle + shiftY)
    var result: [Float] = []
    for row in 0..<target {
      let start = map(Point(x: 0.5, y: Float(row) + 0.5))
      for column in 0..<target {
        let x = min(size - 1, max(0, start.x + a * Float(column) - 0.5))
        let y = min(size - 1, max(0, start.y + c * Float(column) - 0.5))
        let (left, top) = (Int(x), Int(y))
        let (right, bottom) = (min(left + 1, source - 1), min(top + 1, source - 1))
        let (fx, fy) = (x - Float(left), y - Float(top))
        func sample(_ row: Int, _ column: Int) -> Float { Float(picture[row * source + column]) }
        let above = sample(top, left) + fx * (sample(top, right) - sample(top, left))
        let below = sample(bottom, left) + fx * (sample(bottom, right) - sample(bottom, left))
        result.append(above + fy * (below - above))
      }
    }
    let (mean, deviation): (Float, Float) = (0.508, 0.255)
    let contrast = ratio(0.3, &random)
    let brightness = 0.12 * random.uniform(-1, 1)
    var sums = SIMD4<Float>()
    for index in stride(from: 0, to: result.count, by: 4) {
      sums += SIMD4(result[index], result[index + 1], result[index + 2], result[index + 3])
    }
    let brightest = (1 - mean) / deviation
    let offset = (sums.sum() / Float(result.count) / 255 * (1 - contrast) + brightness - mean) / deviation
    let gain = contrast / (255 * deviation)
    result = result.map { min(brightest, max(-mean / deviation, $0 * gain + offset)) }

    let isErased = random.chance(0.25)
    let area = random.uniform(0.02, 0.2) * Float(target * target)
    let aspect = exp(random.uniform(-1, 1) * log(Float(3)))
    let left = random.uniform()
    let top = random.uniform()
    guard isErased else { return result }
    let width = min(target, max(1, Int((area * aspect).squareRoot().rounded())))
    let height = min(target, max(1, Int((area / aspect).squareRoot().rounded())))
    let x = Int(left * Float(target - width + 1))
    let y = Int(top * Float(target - height + 1))
    for row in y..<y + height { for column in x..<x + width { result[row * target + column] = 0 } }
    return result
  }
}

struct AugmentationPreviewTests {
  @Test func showsEachClassAtEachLevelAndMixtures() throws {
    let labels = ClassLabels(["one", "two", "three"])
    // The third class is rare.
    let files = (0..<13).map { PictureFile(path: "\($0)", label: $0 < 6 ? 0 : $0 < 12 ? 1 : 2) }
    let set = PictureSet(
      imageSize: 16, labels: labels, files: files,
      pixels: files.flatMap { file in (0..<256).map { UInt8($0 % 16 * 4 + file.label * 60) } })
    var recipe = TrainingRecipe()
    recipe.imageSize = 24
    recipe.targetedAugmentation = true
    let preview = try AugmentationPreview(set, recipe: recipe, columns: 5)
    #expect(
      preview.rows == [
        "one: as in the recipe", "one: level 1", "one: level 2", "one: level 3", "two: as in the recipe",
        "two: level 1", "two: level 2", "two: level 3", "three: as in the recipe, strengthened",
        "three: level 1, strengthened", "three: level 2, strengthened", "three: level 3, strengthened",
        "mixed (mixup)", "cut (cutmix)",
      ])
    #expect(preview.sheet.width == 2 + 5 * 26 && preview.sheet.height == 2 + 14 * 24 + 4 * 10 + 10 * 2)
    let sheet = preview.sheet
    func picture(_ row: Int, _ column: Int) -> [UInt8] {
      var top = row * 24
      for above in 0...row { top += above % 4 == 0 ? 10 : 2 }
      let left = 2 + column * 26
      var pixels: [UInt8] = []
      for y in top..<top + 24 {
        let start = y * sheet.width + left
        pixels += sheet.pixels[start..<start + 24]
      }
      return pixels
    }
    for row in 0..<12 {
      #expect(picture(row, 0) == picture(row / 4 * 4, 0), "the unchanged picture comes first")
      #expect(Set((0..<5).map { picture(row, $0) }).count == 5)
    }
    // In the lower rows they have met others; the middle one of a row met itself.
    for row in 12...13 { #expect(picture(row, 0) != picture(0, 0) && picture(row, 2) == picture(8, 0)) }
    #expect(picture(0, 0)[23] == 60 && picture(8, 0)[0] == 120)
    #expect(try AugmentationPreview(set, recipe: recipe, columns: 5).sheet == preview.sheet)
  }
}
