public import Pixels

/// Pictures for the eye: what training makes of the pictures of each class.
public struct AugmentationPreview: Sendable {
  /// One row of small pictures after the other, the unchanged one first.
  public let sheet: LumaImage
  /// What each row shows, from the top.
  public let rows: [String]

  /// White between the pictures, in pixels; more of it above each class.
  private static let gap = 2
  private static let classGap = 10

  /// For each class one of its pictures as the recipe varies it, and at each level from 1 to 3; below, pictures of all
  /// classes mixed and cut together.
  ///
  /// - Parameters:
  ///   - pictures: Some of each class.
  ///   - columns: Pictures in a row.
  /// - Throws: `invalidSettings` for a recipe that names a class that there is not.
  public init(_ pictures: PictureSet, recipe: TrainingRecipe, columns: Int = 13) throws(TrainingError) {
    let painter = Painter(pictures: pictures, recipe: recipe, columns: columns)
    var rows: [(name: String, pictures: [[UInt8]], isFirst: Bool)] = []
    let indices = pictures.indicesByClass
    var steps = [("as in the recipe", recipe)]
    for level in 1...3 {
      var other = recipe
      other.augmentation = AugmentationPolicy.level(level)!
      steps.append(("level \(level)", other))
    }
    for (label, name) in pictures.labels.names.enumerated() where !indices[label].isEmpty {
      // The middle one: the first ones of a data set are often all of one kind.
      let index = indices[label][indices[label].count / 2]
      for (position, step) in steps.enumerated() {
        let targeted = try step.1.augmentation(for: pictures)
        let isStronger = targeted.strengthened.contains(label)
        rows.append(
          (
            "\(name): \(step.0)\(isStronger ? ", strengthened" : "")",
            painter.row(of: index, policy: targeted.policies[label], stream: UInt64(label * 8 + position)),
            position == 0
          ))
      }
    }
    let mixed = (0..<columns).map { column in
      let members =
        indices[column % indices.count].isEmpty ? Array(0..<pictures.count) : indices[column % indices.count]
      return members[column * 7 % members.count]
    }
    for (name, mixup, cutmix) in [("mixed (mixup)", 1, 0), ("cut (cutmix)", 0, 1)] as [(String, Float, Float)] {
      rows.append((name, painter.batch(mixed, mixup: mixup, cutmix: cutmix), mixup == 1))
    }
    self.rows = rows.map(\.name)
    let size = recipe.imageSize
    let height = rows.reduce(Self.gap) { $0 + size + ($1.isFirst ? Self.classGap : Self.gap) }
    var sheet = LumaImage(width: Self.gap + columns * (size + Self.gap), height: height, filledWith: 255)
    var top = 0
    for row in rows {
      top += row.isFirst ? Self.classGap : Self.gap
      for (column, picture) in row.pictures.enumerated() {
        let left = Self.gap + column * (size + Self.gap)
        for y in 0..<size {
          let start = (top + y) * sheet.width + left
          sheet.pixels.replaceSubrange(start..<start + size, with: picture[y * size..<(y + 1) * size])
        }
      }
      top += size
    }
    self.sheet = sheet
  }
}

/// Makes the pictures of a preview as training does, and bytes of them again.
private struct Painter {
  let pictures: PictureSet
  let recipe: TrainingRecipe
  let columns: Int

  /// The picture unchanged, and varied.
  func row(of index: Int, policy: AugmentationPolicy, stream: UInt64) -> [[UInt8]] {
    (0..<columns).map { column in
      bytes(render(index, column == 0 ? .off : policy, stream: stream << 16 | UInt64(column)))
    }
  }

  /// Each picture of a batch that is put together for certain, and so evenly that it can be seen.
  func batch(_ indices: [Int], mixup: Float, cutmix: Float) -> [[UInt8]] {
    var policy = recipe.augmentation
    policy.mixup = mixup
    policy.cutmix = cutmix
    let area = recipe.imageSize * recipe.imageSize
    let unmixed = indices.flatMap { render($0, .off, stream: 0) }
    var input = unmixed
    for stream in 0..<100 as Range<UInt64> {
      input = unmixed
      var random = RandomGenerator(seed: recipe.seed, stream: stream)
      // What stays of the first picture.
      var shares = [Float](repeating: 0, count: indices.count)
      shares[0] = 1
      input.withUnsafeMutableBufferPointer { input in
        shares.withUnsafeMutableBufferPointer { shares in
          BatchMixer(policy: policy, rows: indices.count, imageSize: recipe.imageSize)
            .mix(input: input, targets: shares, random: &random)
        }
      }
      if 0.4...0.7 ~= shares[0] { break }
    }
    return indices.indices.map { bytes(Array(input[$0 * area..<($0 + 1) * area])) }
  }

  private func render(_ index: Int, _ policy: AugmentationPolicy, stream: UInt64) -> [Float] {
    let augmenter = PictureAugmenter(
      policy: policy, sourceSize: pictures.imageSize, imageSize: recipe.imageSize,
      normalisation: recipe.normalisation)
    var random = RandomGenerator(seed: recipe.seed, stream: stream)
    var result = [Float](repeating: 0, count: recipe.imageSize * recipe.imageSize)
    pictures.withPixels(of: index) { source in
      result.withUnsafeMutableBufferPointer {
        augmenter.render(source.baseAddress!, to: $0.baseAddress!, random: &random)
      }
    }
    return result
  }

  private func bytes(_ values: [Float]) -> [UInt8] {
    let normalisation = recipe.normalisation
    return values.map {
      UInt8(min(255, max(0, (($0 * normalisation.standardDeviation + normalisation.mean) * 255).rounded())))
    }
  }
}
