import FaceCrop
import Glibc
import Pixels

/// Composes training canvases from the library: single photographs, mosaics, faces pasted with soft edges, close-ups and
/// pictures without faces, over all scales.
///
/// A canvas depends on the generator it is given alone, so any one of them can be made again.
struct CanvasComposer {
  let library: DetectorLibrary
  let width: Int
  let height: Int
  /// The brightness that the detector pads its input with.
  let paddingValue: UInt8
  /// How often a background holds pasted pieces without faces, and a picture's own edge is made soft.
  let distractorShare: Float
  /// How often a canvas is a crowd of small faces.
  var crowdShare: Float = 0
  /// How often a canvas is one photograph, about as large as it was taken.
  var wholeShare: Float = 0
  /// How often a face is one of those that look aside.
  var turnedShare: Float = 0
  /// How often a layer is rolled far; see `RandomGenerator.roll`.
  var rollShare = usualRollShare
  /// Smaller faces (shorter side in canvas pixels) are too small to be asked for.
  var smallestFace: Float = 8.5

  static let usualRollShare: Float = 0.25

  func compose(_ generator: inout RandomGenerator) -> DetectorCanvas {
    let canvas = DetectorCanvas(width: width, height: height)
    let isCrowd = generator.chance(crowdShare)
    // Asked only where it can be, so that canvases without it stay what they were.
    let isWhole = !isCrowd && wholeShare > 0 && generator.chance(wholeShare)
    let kind = generator.uniform()
    if isCrowd {
      paintCrowd(on: canvas, &generator)
    } else if isWhole {
      paintWhole(on: canvas, &generator)
    } else if kind < 0.26 {
      paintPhotograph(on: canvas, area: canvas.bounds, &generator)
    } else if kind < 0.54 {
      paintMosaic(on: canvas, share: 0.25, &generator)
    } else if kind < 0.80 {
      paintPasted(on: canvas, &generator)
    } else if kind < 0.90 {
      paintCloseUp(on: canvas, &generator)
    } else {
      paintMosaic(on: canvas, share: 1, &generator)
      if generator.chance(0.6) { pasteDistractors(on: canvas, area: canvas.bounds, &generator) }
    }
    if generator.chance(0.15) { occlude(canvas, &generator) }
    if generator.chance(0.12) { pad(canvas, &generator) }
    CanvasDegradation(&generator).apply(to: canvas, &generator)
    settle(canvas)
    return canvas
  }

  // MARK: Recipes

  /// One photograph with faces over an area, scaled around one of its faces.
  func paintPhotograph(on canvas: DetectorCanvas, area: PixelRect, _ generator: inout RandomGenerator) {
    let side = Float(min(area.width, area.height))
    let size = generator.logUniform(9.5, max(20, side * 1.25))
    // In pictures of people the face is large: small faces with their natural surroundings are in scenes.
    let isScene = generator.chance(size < 0.3 * side ? 0.7 : 0.3)
    let (picture, face) = pick(&generator) { $0.pick(isScene ? library.scenes : library.people) }
    place(picture, face: face, size: size, on: canvas, area: area, &generator)
  }

  /// A sure face of the picture that `choose` takes, or, in `turnedShare` of the cases, one that looks aside.
  private func pick(
    _ generator: inout RandomGenerator, from choose: (inout RandomGenerator) -> LabelledPicture
  ) -> (picture: LabelledPicture, face: AnnotatedFace) {
    // Asked only where it can be, so that canvases without it stay what they were.
    if turnedShare > 0, !library.turned.isEmpty, generator.chance(turnedShare) {
      return generator.pick(library.turned)
    }
    let picture = choose(&generator)
    return (picture, generator.pick(picture.faces.filter { !$0.isIgnored }))
  }

  /// One photograph at about its own size, with or without faces: what the detector meets in use.
  private func paintWhole(on canvas: DetectorCanvas, _ generator: inout RandomGenerator) {
    let choice = generator.uniform()
    let picture =
      choice < 0.45
      ? generator.pick(library.negatives)
      : pick(&generator) { $0.pick(choice < 0.8 ? library.scenes : library.people) }.picture
    let scale = generator.logUniform(0.6, 1.2)
    func offset(_ length: Float, _ room: Int) -> Float {
      let spare = Float(room) - length * scale
      return generator.uniform(min(0, spare), max(0, spare) + 1e-3)
    }
    let x = offset(picture.width, canvas.width)
    let y = offset(picture.height, canvas.height)
    lay(picture, scale: scale, at: Point(x: x, y: y), on: canvas, area: canvas.bounds, &generator)
  }

  /// A whole picture with its upper left corner at a point, as it is or mirrored.
  private func lay(
    _ picture: LabelledPicture, scale: Float, at corner: Point, on canvas: DetectorCanvas, area: PixelRect,
    _ generator: inout RandomGenerator
  ) {
    var map = AffineTransform(a: scale, b: 0, tx: corner.x, c: 0, d: scale, ty: corner.y)
    if generator.chance(0.5) { map = mirror(of: picture).then(map) }
    add(
      picture, map: map, mirrored: map.a < 0, on: canvas, area: area,
      mask: LayerMask(window: picture.bounds, exponent: nil), tone: generator.tone(strength: 0.5))
  }

  /// Splits the canvas into tiles, each with a photograph of its own; `share` of them have no faces.
  func paintMosaic(on canvas: DetectorCanvas, share: Float, _ generator: inout RandomGenerator) {
    let columns = generator.pick(canvas.width > 320 ? [1, 2, 2, 3, 3, 4] : [1, 2, 2, 2, 3])
    let rows = generator.pick(canvas.height > 320 ? [1, 2, 2, 3, 3] : [1, 2, 2, 2, 3])
    let xs = cuts(canvas.width, into: columns, &generator)
    let ys = cuts(canvas.height, into: rows, &generator)
    for (top, bottom) in zip(ys, ys.dropFirst()) {
      for (left, right) in zip(xs, xs.dropFirst()) {
        let area = PixelRect(left: left, top: top, right: right, bottom: bottom)
        if generator.chance(share) {
          paintNegative(on: canvas, area: area, &generator)
        } else {
          paintPhotograph(on: canvas, area: area, &generator)
        }
      }
    }
  }

  private func cuts(_ length: Int, into parts: Int, _ generator: inout RandomGenerator) -> [Int] {
    var result = [0]
    for part in 1..<max(1, parts) {
      let centre = Float(length * part) / Float(parts)
      result.append(Int(centre + generator.uniform(-0.25, 0.25) * Float(length) / Float(parts)))
    }
    return result + [length]
  }

  /// A picture without sure faces over an area, from just covering it to strongly enlarged.
  private func paintNegative(on canvas: DetectorCanvas, area: PixelRect, _ generator: inout RandomGenerator) {
    let picture = generator.pick(library.negatives)
    let cover = max(Float(area.width) / picture.width, Float(area.height) / picture.height)
    let scale = cover * generator.logUniform(1, 3)
    let x = generator.uniform(0, max(0, picture.width * scale - Float(area.width)))
    let y = generator.uniform(0, max(0, picture.height * scale - Float(area.height)))
    lay(
      picture, scale: scale, at: Point(x: Float(area.left) - x, y: Float(area.top) - y), on: canvas, area: area,
      &generator)
    if generator.chance(distractorShare) { pasteDistractors(on: canvas, area: area, &generator) }
    if generator.chance(0.6 * distractorShare) {
      for _ in 0..<(1 + Int(generator.uniform() * 3)) { canvas.drawSign(in: area, &generator) }
    }
  }

  /// Faces cut out with soft edges, pasted onto a background without faces.
  private func paintPasted(on canvas: DetectorCanvas, _ generator: inout RandomGenerator) {
    paintMosaic(on: canvas, share: 1, &generator)
    let count = 1 + Int(generator.uniform() * generator.uniform() * (canvas.width > 320 ? 14 : 7))
    // Large ones first, so that small ones are not buried.
    let limit = count == 1 ? Float(canvas.height) * 1.15 : Float(canvas.height) * 0.7
    let sizes = (0..<count).map { _ in generator.logUniform(9.5, limit) }.sorted(by: >)
    for size in sizes { paste(size: size, on: canvas, &generator) }
  }

  func paste(size: Float, on canvas: DetectorCanvas, _ generator: inout RandomGenerator) {
    let (picture, face) = pick(&generator) { generator in
      let choice = generator.uniform()
      if choice < 0.5 { return generator.pick(library.portraits) }
      if choice < 0.75, size < 110, !library.crops.isEmpty { return generator.pick(library.crops) }
      return generator.chance(0.75) ? generator.pick(library.people) : generator.pick(library.scenes)
    }
    let window: Rect
    if picture.faces.count == 1, picture.width <= 128 {
      window = picture.bounds
    } else {
      // A small face is seldom seen without hair and shoulders.
      let reach: Float = size < 50 ? 1.2 : 0.6
      let x = face.box.x - face.box.width * generator.uniform(0.15, reach)
      let y = face.box.y - face.box.height * generator.uniform(0.12, reach)
      window = Rect(
        x: x, y: y, width: face.box.maxX + face.box.width * generator.uniform(0.15, reach) - x,
        height: face.box.maxY + face.box.height * generator.uniform(0.08, 1.5 * reach) - y
      ).clipped(width: picture.pyramid.width, height: picture.pyramid.height)
    }
    var mask = LayerMask(
      window: window, exponent: generator.uniform(2.2, 5), feather: generator.uniform(0.06, 0.3))
    // A crop may also lie in a picture with its own hard edges, as in a video conference.
    if generator.chance(picture.width <= 48 ? 0.45 : 0.12) { mask.exponent = nil }
    place(
      picture, face: face, size: size, on: canvas, area: canvas.bounds, mask: mask, background: false, &generator)
  }

  /// Pieces of pictures without faces, with the same edges as pasted faces and as pictures that do not fill their area: an
  /// edge must not mean a face.
  private func pasteDistractors(on canvas: DetectorCanvas, area: PixelRect, _ generator: inout RandomGenerator) {
    for _ in 0..<(1 + Int(generator.uniform() * 4)) {
      let picture = generator.pick(library.negatives)
      let share = generator.uniform(0.15, 0.9)
      let window = Rect(
        x: generator.uniform(0, 1 - share) * picture.width, y: generator.uniform(0, 1 - share) * picture.height,
        width: share * picture.width * generator.uniform(0.5, 1), height: share * picture.height)
      let scale = generator.logUniform(10, max(12, Float(area.height) * 0.8)) / window.height
      let map = Self.placement(
        of: window.center, scale: scale, roll: generator.roll(farShare: rollShare), mirrored: false,
        at: Point(
          x: generator.uniform(Float(area.left), Float(area.right)),
          y: generator.uniform(Float(area.top), Float(area.bottom))))
      add(
        picture, map: map, mirrored: false, on: canvas, area: area,
        mask: LayerMask(
          window: window, exponent: generator.chance(0.4) ? nil : generator.uniform(2.2, 6),
          feather: generator.uniform(0.04, 0.3)), tone: generator.tone(strength: 1.2))
    }
  }

  /// A close-up whose picture ends where the canvas ends, as with somebody close to a webcam.
  private func paintCloseUp(on canvas: DetectorCanvas, _ generator: inout RandomGenerator) {
    let picture = generator.chance(0.65) ? generator.pick(library.portraits) : generator.pick(library.people)
    let face = generator.pick(picture.faces.filter { !$0.isIgnored })
    let least = max(Float(canvas.width) / picture.width, Float(canvas.height) / picture.height)
    let size = max(face.box.height * least, generator.uniform(0.5, 1.3) * Float(canvas.height))
    place(picture, face: face, size: size, on: canvas, area: canvas.bounds, covering: true, &generator)
  }

  // MARK: Placing

  /// Paints a picture so that one of its faces has the given height and lies (mostly) within the area.
  private func place(
    _ picture: LabelledPicture, face: AnnotatedFace, size: Float, on canvas: DetectorCanvas, area: PixelRect,
    mask: LayerMask? = nil, background: Bool = true, covering: Bool = false,
    _ generator: inout RandomGenerator
  ) {
    // Faces enlarged more than about three times are mush that no camera gives.
    let scale = min(size / face.box.height, max(3.2, covering ? size / face.box.height : 0))
    let pictureWidth = picture.width * scale
    let pictureHeight = picture.height * scale
    let shown = face.box.height * scale
    // The face's centre: anywhere in the area, but a little off its edges for faces that fit.
    let marginX = min(Float(area.width) * 0.5, shown * 0.35)
    let marginY = min(Float(area.height) * 0.5, shown * 0.4)
    var centre = Point(
      x: generator.uniform(Float(area.left) + marginX, Float(area.right) - marginX + 1e-3),
      y: generator.uniform(Float(area.top) + marginY, Float(area.bottom) - marginY + 1e-3))
    let mirrored = generator.chance(0.5)
    let roll = covering ? 0 : generator.roll(farShare: rollShare)
    if mask == nil {
      // Let the picture cover the area where it is large enough.
      let anchorX = (mirrored ? picture.width - face.box.center.x : face.box.center.x) * scale
      let anchorY = face.box.center.y * scale
      if pictureWidth >= Float(area.width) {
        centre.x = max(
          Float(area.right) - pictureWidth + anchorX, min(Float(area.left) + anchorX, centre.x))
      }
      if pictureHeight >= Float(area.height) {
        centre.y = max(
          Float(area.bottom) - pictureHeight + anchorY, min(Float(area.top) + anchorY, centre.y))
      }
      if background, !covering {
        if generator.chance(0.7) {
          paintNegative(on: canvas, area: area, &generator)
        } else {
          canvas.fill(area, with: generator.chance(0.4) ? paddingValue : UInt8(generator.uniform(0, 255)))
          canvas.faces.removeAll { $0.box.intersection(area.rect).area > 0.9 * $0.box.area }
        }
      }
    }
    let map = Self.placement(of: face.box.center, scale: scale, roll: roll, mirrored: mirrored, at: centre)
    var shape = mask ?? LayerMask(window: picture.bounds, exponent: nil)
    let isSmaller = pictureWidth < Float(area.width) || pictureHeight < Float(area.height)
    if mask == nil, isSmaller, !covering, generator.chance(distractorShare) {
      // The picture's own edges would tell where the face is.
      shape.exponent = generator.uniform(3, 7)
      shape.feather = generator.uniform(0.04, 0.25)
    }
    add(
      picture, map: map, mirrored: mirrored, on: canvas, area: area, mask: shape, tone: generator.tone(strength: 1))
  }

  private func mirror(of picture: LabelledPicture) -> AffineTransform {
    AffineTransform(a: -1, b: 0, tx: picture.width, c: 0, d: 1, ty: 0)
  }

  /// Scale, optional mirror and roll (radians) around `anchor`, which comes to lie at `target`.
  static func placement(
    of anchor: Point, scale: Float, roll: Float, mirrored: Bool, at target: Point
  ) -> AffineTransform {
    let sign: Float = mirrored ? -1 : 1
    let cosine = cosf(roll) * scale
    let sine = sinf(roll) * scale
    return AffineTransform(
      a: cosine * sign, b: -sine, tx: target.x - cosine * sign * anchor.x + sine * anchor.y,
      c: sine * sign, d: cosine, ty: target.y - sine * sign * anchor.x - cosine * anchor.y)
  }

  /// Paints a layer, marks what it covers and takes over its faces.
  private func add(
    _ picture: LabelledPicture, map: AffineTransform, mirrored: Bool, on canvas: DetectorCanvas, area: PixelRect,
    mask: LayerMask, tone: ToneCurve
  ) {
    canvas.paint(picture.pyramid, toCanvas: map, clip: area, mask: mask, tone: tone)
    let shown = Self.outline(of: mask.window, map).intersection(area.rect).intersection(canvas.bounds.rect)
    canvas.hide(behind: shown)
    for face in picture.faces {
      let box = Self.mappedBox(face.box, map)
      let visible = box.intersection(shown)
      guard visible.area > 0 else { continue }
      let landmarks = face.landmarks.map(map)
      let share = visible.area / box.area
      // What little can be seen of other faces in a cut-out window is no face to ask for.
      canvas.faces.append(
        CanvasFace(
          box: share < 0.45 ? visible : box, landmarks: mirrored ? landmarks.mirrored : landmarks,
          isIgnored: face.isIgnored || share < 0.45))
    }
  }

  /// The bounding box of a mapped rectangle.
  private static func outline(of rect: Rect, _ map: AffineTransform) -> Rect {
    let centre = map(rect.center)
    let halfWidth = (abs(map.a) * rect.width + abs(map.b) * rect.height) / 2
    let halfHeight = (abs(map.c) * rect.width + abs(map.d) * rect.height) / 2
    return Rect(
      x: centre.x - halfWidth, y: centre.y - halfHeight, width: 2 * halfWidth, height: 2 * halfHeight)
  }

  /// The bounding box of the mapped ellipse that fills a face's box: a rolled head does not fill its rolled box's corners.
  static func mappedBox(_ box: Rect, _ map: AffineTransform) -> Rect {
    let centre = map(box.center)
    func extent(_ x: Float, _ y: Float) -> Float {
      ((x * box.width / 2) * (x * box.width / 2) + (y * box.height / 2) * (y * box.height / 2)).squareRoot()
    }
    let halfWidth = extent(map.a, map.b)
    let halfHeight = extent(map.c, map.d)
    return Rect(
      x: centre.x - halfWidth, y: centre.y - halfHeight, width: 2 * halfWidth, height: 2 * halfHeight)
  }

  // MARK: Finishing

  /// Covers a part of some faces: a hand, a mask, a microphone.
  private func occlude(_ canvas: DetectorCanvas, _ generator: inout RandomGenerator) {
    for face in canvas.faces where !face.isIgnored && generator.chance(0.6) {
      let picture = generator.pick(library.negatives)
      let share = generator.uniform(0.15, 0.42)
      let size = face.box.height * share * 1.4
      // Towards the rim of the face: from below, from the sides, from above.
      let angle = generator.uniform(0, 2 * Float.pi)
      let target = Point(
        x: face.box.center.x + cosf(angle) * face.box.width * 0.45,
        y: face.box.center.y + sinf(angle) * face.box.height * 0.45)
      let side = min(picture.width, picture.height) * generator.uniform(0.15, 0.7)
      let window = Rect(
        x: generator.uniform(0, picture.width - side), y: generator.uniform(0, picture.height - side),
        width: side, height: side * generator.uniform(0.5, 1))
      canvas.paint(
        picture.pyramid,
        toCanvas: Self.placement(
          of: window.center, scale: size / side, roll: generator.roll(farShare: rollShare), mirrored: false,
          at: target),
        clip: canvas.bounds,
        mask: LayerMask(
          window: window, exponent: generator.chance(0.5) ? nil : generator.uniform(2, 5), feather: 0.08),
        tone: generator.tone(strength: 1))
    }
  }

  /// Ends the picture before the canvas does, as a detector input that was padded to whole strides.
  private func pad(_ canvas: DetectorCanvas, _ generator: inout RandomGenerator) {
    let right =
      generator.chance(0.5) ? canvas.width - Int(generator.uniform(1, Float(canvas.width) * 0.45)) : canvas.width
    let bottom =
      right == canvas.width || generator.chance(0.4)
      ? canvas.height - Int(generator.uniform(1, Float(canvas.height) * 0.45)) : canvas.height
    for area in [
      PixelRect(left: right, top: 0, right: canvas.width, bottom: canvas.height),
      PixelRect(left: 0, top: bottom, right: canvas.width, bottom: canvas.height),
    ] {
      canvas.fill(area, with: paddingValue)
    }
    canvas.keep(within: PixelRect(left: 0, top: 0, right: right, bottom: bottom))
  }

  /// Decides which faces stay questions: not those that are too small.
  private func settle(_ canvas: DetectorCanvas) {
    for index in canvas.faces.indices
    where min(canvas.faces[index].box.width, canvas.faces[index].box.height) < smallestFace {
      canvas.faces[index].isIgnored = true
    }
  }
}

extension DetectorCanvas {
  /// Faces that a new layer covers partly become doubtful, those it covers wholly are gone.
  func hide(behind layer: Rect) {
    faces = faces.compactMap { face in
      let covered = face.box.intersection(layer).area / max(1e-6, face.box.intersection(bounds.rect).area)
      guard covered < 0.85 else { return nil }
      var face = face
      if covered > 0.12 { face.isIgnored = true }
      return face
    }
  }

  /// Faces of which less than half is left within the area become doubtful.
  func keep(within area: PixelRect) {
    faces = faces.compactMap { face in
      let visible = face.box.intersection(area.rect)
      guard visible.area > 0 else { return nil }
      var face = face
      if visible.area < 0.45 * face.box.area {
        face.isIgnored = true
        face.box = visible
      }
      return face
    }
  }
}

extension RandomGenerator {
  mutating func pick<Element>(_ elements: [Element]) -> Element {
    elements[Int(next() % UInt64(elements.count))]
  }

  /// Between the two, each ratio equally likely.
  mutating func logUniform(_ low: Float, _ high: Float) -> Float {
    high <= low ? low : low * expf(uniform() * logf(high / low))
  }

  /// Radians: up to ±37° in `farShare` of the cases, up to ±11° in two fifths of the others, and upright in the rest.
  mutating func roll(farShare: Float) -> Float {
    let kind = uniform()
    guard kind >= farShare else { return uniform(-0.65, 0.65) }
    return kind < farShare + 0.4 * (1 - farShare) ? uniform(-0.2, 0.2) : 0
  }

  mutating func tone(strength: Float) -> ToneCurve {
    guard chance(0.7) else { return .identity }
    return ToneCurve(
      contrast: 1 + strength * uniform(-0.4, 0.35), brightness: strength * uniform(-40, 40),
      gamma: chance(0.3) ? logUniform(0.6, 1.7) : 1)
  }
}
