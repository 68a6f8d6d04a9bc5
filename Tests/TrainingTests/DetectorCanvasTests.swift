import FaceCrop
import Pixels
import Testing

@testable import Training

struct DetectorCanvasTests {
  /// Black pictures with one grey face whose parts are white dots; small enough for quick tests.
  static func library(turnedPeople: Int = 0) throws -> DetectorLibrary {
    var pictures: [(annotation: FaceAnnotation, image: LumaImage)] = []
    for folder in ["portraits", "people", "scenes", "crops"] {
      for index in 0..<3 {
        let box = Rect(x: 30 + Float(4 * index), y: 24, width: 50, height: 60)
        var face = AnnotatedFace(box: box, landmarks: DetectorLossTests.face(box).landmarks, isIgnored: false)
        if folder == "people", index < turnedPeople { face.landmarks.nose.x += 0.5 * box.width }
        var image = LumaImage(width: 128, height: 112, filledWith: 20)
        for y in 24..<84 { for x in 0..<50 { image.pixels[y * 128 + Int(box.x) + x] = 110 } }
        for point in face.landmarks.points {
          for y in -3..<3 { for x in -3..<3 { image.pixels[(Int(point.y) + y) * 128 + Int(point.x) + x] = 250 } }
        }
        pictures.append((annotation(folder, index, faces: [face]), image))
      }
    }
    for index in 0..<3 {
      var generator = RandomGenerator(seed: UInt64(index))
      let image = LumaImage(
        width: 128, height: 112, pixels: (0..<128 * 112).map { _ in UInt8(generator.uniform(0, 90)) })
      pictures.append((annotation("scenes", 10 + index, faces: []), image))
    }
    return try DetectorLibrary(pictures)
  }

  private static func annotation(_ folder: String, _ index: Int, faces: [AnnotatedFace]) -> FaceAnnotation {
    FaceAnnotation(file: "\(folder)/\(index).png", width: 128, height: 112, isValidation: false, faces: faces)
  }

  @Test func theSameGeneratorMakesTheSameCanvas() throws {
    let composer = CanvasComposer(
      library: try Self.library(), canvas: DetectorRecipe.Canvas(width: 128, height: 64, batchSize: 1),
      recipe: DetectorRecipe())
    for stream in 0..<30 as Range<UInt64> {
      var first = RandomGenerator(seed: 3, stream: stream)
      var second = first
      let one = composer.compose(&first)
      let other = composer.compose(&second)
      #expect(one.image == other.image)
      #expect(one.faces.map(\.box) == other.faces.map(\.box))
    }
  }

  @Test func landmarksLieWhereThePictureShowsThem() throws {
    // Any map: reduced, enlarged, mirrored, rolled.
    let picture = try Self.library().people[0]
    let face = picture.faces[0]
    for (scale, roll, mirrored) in [(1, 0, false), (0.6, 0.4, true), (1.7, -0.5, false)] as [(Float, Float, Bool)] {
      let canvas = DetectorCanvas(width: 256, height: 256)
      let sign: Float = mirrored ? -1 : 1
      let map = Pixels.AffineTransform(
        a: sign * scale * (1 - roll * roll / 2), b: -scale * roll, tx: mirrored ? 190 : 60,
        c: sign * scale * roll, d: scale * (1 - roll * roll / 2), ty: 70)
      canvas.paint(
        picture.pyramid, toCanvas: map, clip: canvas.bounds,
        mask: LayerMask(window: picture.bounds, exponent: nil), tone: .identity)
      for point in face.landmarks.points.map({ map($0) }) {
        #expect(canvas.pixels[Int(point.y) * 256 + Int(point.x)] > 200, "\(scale), \(roll): \(point)")
      }
      let between = map(Point(x: face.box.center.x, y: face.box.y + 6))
      #expect(abs(Int(canvas.pixels[Int(between.y) * 256 + Int(between.x)]) - 110) < 20)
    }
  }

  @Test func unscaledPaintingKeepsEverySample() throws {
    let picture = try Self.library().negatives[0]
    let canvas = DetectorCanvas(width: 128, height: 112)
    canvas.paint(
      picture.pyramid, toCanvas: .identity, clip: canvas.bounds,
      mask: LayerMask(window: picture.bounds, exponent: nil), tone: .identity)
    let source = picture.pyramid.samples(of: 0)
    let wrong = (0..<128 * 112).filter { canvas.pixels[$0] != source[$0] }
    // The last row and column have no neighbour to interpolate with and may differ by a 256th of a step.
    #expect(wrong.allSatisfy { abs(Int(canvas.pixels[$0]) - Int(source[$0])) <= 1 })
    #expect(wrong.count < 240)
  }

  @Test func softEdgesLeaveTheSurroundingsAlone() throws {
    let picture = try Self.library().people[0]
    let canvas = DetectorCanvas(width: 128, height: 112)
    canvas.fill(canvas.bounds, with: 77)
    canvas.paint(
      picture.pyramid, toCanvas: .identity, clip: canvas.bounds,
      mask: LayerMask(window: Rect(x: 30, y: 24, width: 50, height: 60), exponent: 2, feather: 0.2), tone: .identity
    )
    #expect(canvas.pixels[25 * 128 + 31] == 77)
    #expect(canvas.pixels[10 * 128 + 50] == 77)
    #expect(canvas.pixels[40 * 128 + 55] == 110)
  }

  @Test func aRolledFaceGetsTheBoxOfItsEllipse() {
    let box = CanvasComposer.mappedBox(
      Rect(x: 0, y: 0, width: 30, height: 40), Pixels.AffineTransform(a: 0, b: -1, tx: 100, c: 1, d: 0, ty: 0))
    #expect(abs(box.width - 40) < 1e-4 && abs(box.height - 30) < 1e-4)
    #expect(abs(box.center.x - 80) < 1e-4 && abs(box.center.y - 15) < 1e-4)
  }

  @Test func coveredFacesAreNoLongerAskedFor() {
    let canvas = DetectorCanvas(width: 100, height: 100)
    canvas.faces = [
      DetectorLossTests.face(Rect(x: 0, y: 0, width: 20, height: 20)),
      DetectorLossTests.face(Rect(x: 40, y: 0, width: 20, height: 20)),
      DetectorLossTests.face(Rect(x: 80, y: 80, width: 20, height: 20)),
    ]
    canvas.hide(behind: Rect(x: 0, y: 0, width: 50, height: 50))
    #expect(canvas.faces.map(\.isIgnored) == [true, false])
    #expect(canvas.faces.map(\.box.x) == [40, 80])
  }

  @Test func smallFacesAreNotAskedFor() throws {
    let composer = CanvasComposer(
      library: try Self.library(), canvas: DetectorRecipe.Canvas(width: 128, height: 128, batchSize: 1),
      recipe: DetectorRecipe())
    var asked = 0
    for stream in 0..<100 as Range<UInt64> {
      var generator = RandomGenerator(seed: 9, stream: stream)
      for face in composer.compose(&generator).faces where !face.isIgnored {
        asked += 1
        #expect(min(face.box.width, face.box.height) >= composer.smallestFace)
        #expect(face.box.intersection(Rect(x: 0, y: 0, width: 128, height: 128)).area > 0)
      }
    }
    #expect(asked > 40)
  }

  @Test func aCrowdHoldsManySmallFaces() throws {
    var recipe = DetectorRecipe()
    recipe.crowdShare = 1
    let composer = CanvasComposer(
      library: try Self.library(), canvas: DetectorRecipe.Canvas(width: 256, height: 256, batchSize: 1),
      recipe: recipe)
    var sizes: [Float] = []
    for stream in 0..<20 as Range<UInt64> {
      var generator = RandomGenerator(seed: 3, stream: stream)
      sizes += composer.compose(&generator).faces.filter { !$0.isIgnored }.map(\.box.height)
    }
    #expect(sizes.count >= 60)
    #expect(sizes.filter { $0 < 60 }.count > sizes.count * 3 / 4)
  }

  @Test func facesThatLookAsideAreTold() {
    func looksAside(nose: Point, eyeDistance: Float) -> Bool {
      FaceLandmarks(
        rightEye: Point(x: 40 - eyeDistance / 2, y: 40), leftEye: Point(x: 40 + eyeDistance / 2, y: 40), nose: nose,
        rightMouthCorner: Point(x: 30, y: 75), leftMouthCorner: Point(x: 50, y: 75)
      ).areTurned(in: Rect(x: 0, y: 0, width: 80, height: 100))
    }
    #expect(!looksAside(nose: Point(x: 41, y: 58), eyeDistance: 36))
    #expect(looksAside(nose: Point(x: 54, y: 58), eyeDistance: 36))
    #expect(looksAside(nose: Point(x: 40, y: 58), eyeDistance: 20))
  }

  @Test func facesThatLookAsideAreShownAsOftenAsAskedFor() throws {
    let library = try Self.library(turnedPeople: 1)
    var recipe = DetectorRecipe()
    recipe.crowdShare = 0
    recipe.wholeShare = 0
    func share(_ turnedShare: Float) -> Float {
      recipe.turnedShare = turnedShare
      let composer = CanvasComposer(
        library: library, canvas: DetectorRecipe.Canvas(width: 256, height: 256, batchSize: 1), recipe: recipe)
      var (turned, all) = (0, 0)
      for stream in 0..<80 as Range<UInt64> {
        var generator = RandomGenerator(seed: 6, stream: stream)
        let faces = composer.compose(&generator).faces.filter { !$0.isIgnored }
        turned += faces.count { $0.landmarks.areTurned(in: $0.box) }
        all += faces.count
      }
      return Float(turned) / Float(all)
    }
    let (without, with) = (share(0), share(0.5))
    #expect(without < 0.25 && with > without + 0.2, "\(without), \(with)")
  }

  @Test func aWholePhotographKeepsAboutItsSize() throws {
    var recipe = DetectorRecipe()
    recipe.crowdShare = 0
    recipe.wholeShare = 1
    let library = try Self.library()
    let composer = CanvasComposer(
      library: library, canvas: DetectorRecipe.Canvas(width: 256, height: 256, batchSize: 1), recipe: recipe)
    let original = (library.people + library.scenes).flatMap(\.faces).filter { !$0.isIgnored }.map(\.box.height)
    let range = try #require(original.min()) * 0.6...#require(original.max()) * 1.2
    var shown = 0
    for stream in 0..<60 as Range<UInt64> {
      var generator = RandomGenerator(seed: 4, stream: stream)
      let faces = composer.compose(&generator).faces.filter { !$0.isIgnored && $0.box.y > 1 && $0.box.maxY < 255 }
      shown += faces.count
      #expect(faces.count <= 1)
      for face in faces { #expect(range.contains(face.box.height), "\(face.box)") }
    }
    #expect(shown > 5)
  }

  @Test(arguments: [0, 0.45, 1] as [Float]) func layersAreRolledFarAsOftenAsAskedFor(_ share: Float) {
    var generator = RandomGenerator(seed: 8)
    let rolls = (0..<4000).map { _ in generator.roll(farShare: share) }
    #expect(rolls.allSatisfy { abs($0) <= 0.65 })
    let far = rolls.filter { abs($0) > 0.2 }.count
    #expect(abs(Float(far) / 4000 - share * 0.45 / 0.65) < 0.03)
    let upright = rolls.filter { $0 == 0 }.count
    #expect(abs(Float(upright) / 4000 - 0.6 * (1 - share)) < 0.03)
  }

  @Test func compressionKeepsTheMeanAndLosesDetail() {
    let canvas = DetectorCanvas(width: 64, height: 64)
    var generator = RandomGenerator(seed: 2)
    for index in 0..<64 * 64 { canvas.pixels[index] = UInt8(generator.uniform(60, 190)) }
    let before = canvas.image.pixels
    BlockQuantiser(step: 0.01).apply(to: canvas)
    let unharmed = canvas.image.pixels
    #expect(before.indices.allSatisfy { abs(Int(before[$0]) - Int(unharmed[$0])) <= 1 })
    BlockQuantiser(step: 60).apply(to: canvas)
    let after = canvas.image.pixels
    func mean(_ values: [UInt8]) -> Float {
      var sum = 0
      for value in values { sum += Int(value) }
      return Float(sum) / Float(values.count)
    }
    #expect(abs(mean(before) - mean(after)) < 3)
    var change = 0
    for index in before.indices { change += abs(Int(before[index]) - Int(after[index])) }
    #expect(change > 64 * 64 * 5)
  }

  @Test func signsStayInTheirAreaAndHideFaces() {
    let area = PixelRect(left: 20, top: 10, right: 70, bottom: 50)
    for stream in 0..<50 as Range<UInt64> {
      var generator = RandomGenerator(seed: 4, stream: stream)
      let canvas = DetectorCanvas(width: 96, height: 64)
      canvas.fill(canvas.bounds, with: 99)
      canvas.drawSign(in: area, &generator)
      var changed = 0
      for y in 0..<64 {
        for x in 0..<96 where canvas.pixels[y * 96 + x] != 99 {
          changed += 1
          #expect(20..<70 ~= x && 10..<50 ~= y)
        }
      }
      #expect(changed > 0)
    }
  }
}
