import Pixels

extension DetectorCanvas {
  /// Draws something like a logo, a caption or a sign into an area: a small patch of bars in strong contrast. Photographs
  /// without faces hold few of them, television is full of them, and their strokes can pass for eyes and mouth.
  func drawSign(in area: PixelRect, _ generator: inout RandomGenerator) {
    let height = generator.logUniform(8, max(10, min(56, Float(area.height) * 0.4)))
    let width = height * generator.logUniform(0.6, 2.5)
    let left = Int(generator.uniform(Float(area.left), max(Float(area.left), Float(area.right) - width)))
    let top = Int(generator.uniform(Float(area.top), max(Float(area.top), Float(area.bottom) - height)))
    let patch = PixelRect(
      left: left, top: top, right: min(area.right, left + Int(width)), bottom: min(area.bottom, top + Int(height)))
    guard patch.width >= 4, patch.height >= 4 else { return }
    let ground = generator.uniform(0, 255)
    if generator.chance(0.65) { fill(patch, with: UInt8(ground)) }
    let ink = ground < 128 ? generator.uniform(ground + 40, 255) : generator.uniform(0, ground - 40)
    let thickest = max(1.5, height / 5)
    for _ in 0..<(3 + Int(generator.uniform() * 12)) {
      let thickness = max(1, Int(generator.uniform(1, thickest)))
      let length = max(2, Int(generator.uniform(0.15, 0.6) * height))
      let isUpright = generator.chance(0.6)
      let x = patch.left + Int(generator.uniform(0, Float(patch.width)))
      let y = patch.top + Int(generator.uniform(0, Float(patch.height)))
      fill(
        PixelRect(
          left: x, top: y, right: min(patch.right, x + (isUpright ? thickness : length)),
          bottom: min(patch.bottom, y + (isUpright ? length : thickness))), with: UInt8(ink))
    }
    hide(behind: patch.rect)
  }
}
