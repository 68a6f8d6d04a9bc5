extension CanvasComposer {
  /// Many small faces: an audience, a street, a video conference. On a background without faces, or in a mosaic of small
  /// photographs, so that some have their natural surroundings.
  func paintCrowd(on canvas: DetectorCanvas, _ generator: inout RandomGenerator) {
    let area = Float(canvas.width * canvas.height) / 65536
    if generator.chance(0.35) {
      paintTiles(on: canvas, &generator)
    } else {
      paintMosaic(on: canvas, share: 1, &generator)
    }
    let count = 3 + Int(generator.uniform() * 9 * area)
    let sizes = (0..<count).map { _ in generator.logUniform(9.5, 48) }.sorted(by: >)
    for size in sizes { paste(size: size, on: canvas, &generator) }
  }

  /// Photographs of people in tiles of about 64 to 130 pixels.
  private func paintTiles(on canvas: DetectorCanvas, _ generator: inout RandomGenerator) {
    let columns = max(2, Int(Float(canvas.width) / generator.uniform(64, 130)))
    let rows = max(2, Int(Float(canvas.height) / generator.uniform(64, 130)))
    for row in 0..<rows {
      for column in 0..<columns {
        paintPhotograph(
          on: canvas,
          area: PixelRect(
            left: canvas.width * column / columns, top: canvas.height * row / rows,
            right: canvas.width * (column + 1) / columns, bottom: canvas.height * (row + 1) / rows), &generator)
      }
    }
  }
}
