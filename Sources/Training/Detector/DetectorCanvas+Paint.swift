import Glibc
import Pixels

func power(_ base: Float, _ exponent: Float) -> Float { powf(base, exponent) }

extension DetectorCanvas {
  /// Paints a picture through an affine map, bilinearly from the pyramid level that fits the reduction.
  ///
  /// - Parameters:
  ///   - toCanvas: from the picture's pixels to the canvas's.
  ///   - clip: the only part of the canvas that may change.
  ///   - mask: what part of the picture is opaque; canvas pixels outside it keep their value.
  func paint(
    _ picture: PicturePyramid, toCanvas: AffineTransform, clip: PixelRect, mask: LayerMask, tone: ToneCurve
  ) {
    guard let toPicture = toCanvas.inverse else { return }
    let reduction = abs(toPicture.a * toPicture.d - toPicture.b * toPicture.c).squareRoot()
    let levelIndex = max(0, min(picture.levels.count - 1, Int((log2f(reduction) + 0.35).rounded(.down))))
    let level = picture.levels[levelIndex]
    let scale = 1 / Float(1 << levelIndex)
    let window = mask.window.intersection(
      Rect(x: 0, y: 0, width: Float(picture.width), height: Float(picture.height)))
    guard window.width > 0, window.height > 0 else { return }
    let source = Source(
      samples: picture.samples(of: levelIndex), width: level.width,
      lastX: Int32((level.width - 1) << 8) - 1, lastY: Int32((level.height - 1) << 8) - 1)
    let powers = mask.exponent.map { exponent in (0...256).map { power(Float($0) / 256, exponent) } }
    let core = mask.exponent.map { power(1 - mask.feather, $0) } ?? 1

    for y in max(0, clip.top)..<max(0, clip.top, min(height, clip.bottom)) {
      let centreY = Float(y) + 0.5
      let rowU = toPicture.b * centreY + toPicture.tx
      let rowV = toPicture.d * centreY + toPicture.ty
      // Columns whose centre falls into the window.
      var low = Float(max(0, clip.left)) + 0.5
      var high = Float(min(width, clip.right)) - 0.5
      Self.narrow(&low, &high, slope: toPicture.a, offset: rowU, from: window.x, to: window.maxX)
      Self.narrow(&low, &high, slope: toPicture.c, offset: rowV, from: window.y, to: window.maxY)
      let first = Int((low - 0.5).rounded(.up))
      let last = Int((high - 0.5).rounded(.down))
      guard first <= last else { continue }
      let start = Float(first) + 0.5
      let u = (toPicture.a * start + rowU) * scale - 0.5
      let v = (toPicture.c * start + rowV) * scale - 0.5
      let line = Line(
        startU: u * 256, startV: v * 256, stepU: toPicture.a * scale * 256, stepV: toPicture.c * scale * 256,
        count: last - first + 1)
      let target = pixels + y * width + first
      if let powers {
        Self.paintSoft(
          source, line, target, tone: tone, powers: powers, core: core,
          u: 2 * (toPicture.a * start + rowU - window.x) / window.width - 1, stepU: 2 * toPicture.a / window.width,
          v: 2 * (toPicture.c * start + rowV - window.y) / window.height - 1,
          stepV: 2 * toPicture.c / window.height)
      } else {
        Self.paintHard(source, line, target, tone: tone)
      }
    }
  }

  private struct Source {
    var samples: UnsafePointer<UInt8>
    var width: Int
    /// Largest coordinates that still have a neighbour to the right or below, in 256ths.
    var lastX: Int32
    var lastY: Int32

    /// Bilinear; coordinates in 256ths of a sample.
    @inline(__always)
    func sample(_ u: Int32, _ v: Int32) -> Int32 {
      let cu = max(0, min(lastX, u))
      let cv = max(0, min(lastY, v))
      let fx = cu & 255
      let fy = cv & 255
      let p = samples + (Int(cv >> 8) &* width &+ Int(cu >> 8))
      let upper = Int32(p[0]) &* (256 &- fx) &+ Int32(p[1]) &* fx
      let lower = Int32(p[width]) &* (256 &- fx) &+ Int32(p[width &+ 1]) &* fx
      return (upper &* (256 &- fy) &+ lower &* fy &+ 32768) >> 16
    }
  }

  private struct Line {
    /// Of the first pixel, in 256ths of a sample.
    var startU: Float
    var startV: Float
    /// From pixel to pixel.
    var stepU: Float
    var stepV: Float
    var count: Int
  }

  private static func paintHard(
    _ source: Source, _ line: Line, _ target: UnsafeMutablePointer<UInt8>, tone: ToneCurve
  ) {
    guard source.lastX >= 0, source.lastY >= 0 else { return }
    tone.table.withUnsafeBufferPointer { table in
      for index in 0..<line.count {
        let u = Int32(line.startU + Float(index) * line.stepU)
        let v = Int32(line.startV + Float(index) * line.stepV)
        target[index] = table[Int(source.sample(u, v))]
      }
    }
  }

  private static func paintSoft(
    _ source: Source, _ line: Line, _ target: UnsafeMutablePointer<UInt8>, tone: ToneCurve, powers: [Float],
    core: Float, u: Float, stepU: Float, v: Float, stepV: Float
  ) {
    guard source.lastX >= 0, source.lastY >= 0 else { return }
    let slope = 1 / max(1e-3, 1 - core)
    tone.table.withUnsafeBufferPointer { table in
      powers.withUnsafeBufferPointer { powers in
        for index in 0..<line.count {
          let a = min(256, Int(abs(u + Float(index) * stepU) * 256))
          let b = min(256, Int(abs(v + Float(index) * stepV) * 256))
          let linear = max(0, min(1, (1 - powers[a] - powers[b]) * slope))
          guard linear > 0 else { continue }
          let alpha = Int32(linear * linear * (3 - 2 * linear) * 256)
          let value = Int32(
            table[
              Int(
                source.sample(
                  Int32(line.startU + Float(index) * line.stepU),
                  Int32(line.startV + Float(index) * line.stepV)))])
          let old = Int32(target[index])
          target[index] = UInt8(truncatingIfNeeded: old + ((value - old) * alpha + 128) >> 8)
        }
      }
    }
  }

  /// Narrows `low...high` to where `from <= slope·x + offset <= to`.
  private static func narrow(
    _ low: inout Float, _ high: inout Float, slope: Float, offset: Float, from: Float, to: Float
  ) {
    if abs(slope) < 1e-9 {
      if offset < from || offset > to { high = low - 1 }
      return
    }
    let first = (from - offset) / slope
    let second = (to - offset) / slope
    low = max(low, min(first, second))
    high = min(high, max(first, second))
  }
}
