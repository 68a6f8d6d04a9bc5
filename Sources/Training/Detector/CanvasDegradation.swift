import Glibc
import Pixels

/// What bad light, bad lenses and bad codecs do to a whole picture.
struct CanvasDegradation {
  private var blurs = 0
  private var coarsening = 1
  private var tone: ToneCurve?
  private var noise: Float = 0
  private var quantiser: Float = 0

  init(_ generator: inout RandomGenerator) {
    if generator.chance(0.15) { blurs = 1 + Int(generator.uniform() * 2.5) }
    if generator.chance(0.06) { coarsening = 2 }
    if generator.chance(0.12) {
      // Darkness: little light, and what there is in few steps.
      tone = ToneCurve(contrast: generator.uniform(0.12, 0.5), brightness: generator.uniform(-95, -40), gamma: 1)
    } else if generator.chance(0.3) {
      tone = generator.tone(strength: 1.2)
    }
    if generator.chance(0.3) { noise = generator.logUniform(1.5, 14) }
    if generator.chance(0.2) { quantiser = generator.logUniform(6, 36) }
  }

  func apply(to canvas: DetectorCanvas, _ generator: inout RandomGenerator) {
    let count = canvas.width * canvas.height
    if coarsening == 2 { Self.coarsen(canvas) }
    for _ in 0..<blurs { Self.blur(canvas) }
    tone?.apply(to: canvas.pixels, count: count)
    if noise > 0 { Self.addNoise(canvas, deviation: noise, &generator) }
    if quantiser > 0 { BlockQuantiser(step: quantiser).apply(to: canvas) }
  }

  /// 1-2-1 in both directions.
  private static func blur(_ canvas: DetectorCanvas) {
    let width = canvas.width
    let height = canvas.height
    let pixels = canvas.pixels
    var rows = [UInt16](repeating: 0, count: width * height)
    rows.withUnsafeMutableBufferPointer { rows in
      for y in 0..<height {
        let line = pixels + y * width
        let out = rows.baseAddress! + y * width
        for x in 0..<width {
          let left = UInt16(line[max(0, x &- 1)])
          let right = UInt16(line[min(width &- 1, x &+ 1)])
          out[x] = left &+ right &+ 2 &* UInt16(line[x])
        }
      }
      for y in 0..<height {
        let above = rows.baseAddress! + max(0, y - 1) * width
        let here = rows.baseAddress! + y * width
        let below = rows.baseAddress! + min(height - 1, y + 1) * width
        let out = pixels + y * width
        for x in 0..<width {
          out[x] = UInt8(truncatingIfNeeded: (above[x] &+ 2 &* here[x] &+ below[x] &+ 8) >> 4)
        }
      }
    }
  }

  /// Halves the resolution and enlarges it again: what a small sensor's enlarged picture looks like.
  private static func coarsen(_ canvas: DetectorCanvas) {
    for y in stride(from: 0, to: canvas.height - 1, by: 2) {
      let upper = canvas.pixels + y * canvas.width
      let lower = upper + canvas.width
      for x in stride(from: 0, to: canvas.width - 1, by: 2) {
        let sum = Int(upper[x]) + Int(upper[x + 1]) + Int(lower[x]) + Int(lower[x + 1])
        let mean = UInt8(truncatingIfNeeded: (sum + 2) >> 2)
        upper[x] = mean
        upper[x + 1] = mean
        lower[x] = mean
        lower[x + 1] = mean
      }
    }
    blur(canvas)
  }

  private static func addNoise(
    _ canvas: DetectorCanvas, deviation: Float, _ generator: inout RandomGenerator
  ) {
    // The sum of a word's four 16-bit parts is near enough to normal: mean 2·65535, deviation 65536/√3.
    let scale = Int64(deviation * 1.732 / 65536 * 65536)
    let count = canvas.width * canvas.height
    for index in 0..<count {
      let word = generator.next()
      let sum = Int64(word & 0xFFFF) + Int64(word >> 16 & 0xFFFF) + Int64(word >> 32 & 0xFFFF) + Int64(word >> 48)
      let value = Int64(canvas.pixels[index]) + ((sum - 131070) * scale) >> 16
      canvas.pixels[index] = UInt8(truncatingIfNeeded: max(0, min(255, value)))
    }
  }
}

/// The blockiness of strong JPEG and video compression: 8×8 cosine transforms, coefficients rounded to multiples of a step
/// that grows with frequency.
struct BlockQuantiser {
  private let step: Float
  /// `basis[k * 8 + n]`: orthonormal DCT-II.
  private let basis: [Float]

  init(step: Float) {
    self.step = step
    basis = (0..<64).map { index in
      let k = Float(index / 8)
      let n = Float(index % 8)
      return cosf((2 * n + 1) * k * Float.pi / 16) * (k == 0 ? 0.353_553_4 : 0.5)
    }
  }

  /// Whole blocks only; a rest at the right and at the bottom stays as it is.
  func apply(to canvas: DetectorCanvas) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 128) { scratch in
      basis.withUnsafeBufferPointer { basis in
        let block = scratch.baseAddress!
        let other = block + 64
        for top in stride(from: 0, through: canvas.height - 8, by: 8) {
          for left in stride(from: 0, through: canvas.width - 8, by: 8) {
            let origin = canvas.pixels + top * canvas.width + left
            for y in 0..<8 { for x in 0..<8 { block[y * 8 + x] = Float(origin[y * canvas.width + x]) } }
            Self.multiply(block, basis.baseAddress!, into: other, transposed: false)
            Self.multiply(other, basis.baseAddress!, into: block, transposed: false)
            for v in 0..<8 {
              for u in 0..<8 {
                let quantum = step * (0.4 + 0.28 * Float(u + v))
                block[v * 8 + u] = (block[v * 8 + u] / quantum).rounded() * quantum
              }
            }
            Self.multiply(block, basis.baseAddress!, into: other, transposed: true)
            Self.multiply(other, basis.baseAddress!, into: block, transposed: true)
            for y in 0..<8 {
              for x in 0..<8 {
                origin[y * canvas.width + x] = UInt8(max(0, min(255, block[y * 8 + x].rounded())))
              }
            }
          }
        }
      }
    }
  }

  /// `(matrix · basisᵀ)ᵀ`, or with the basis transposed: applied twice it transforms both directions.
  private static func multiply(
    _ matrix: UnsafePointer<Float>, _ basis: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>,
    transposed: Bool
  ) {
    for row in 0..<8 {
      for k in 0..<8 {
        var sum: Float = 0
        for n in 0..<8 {
          sum += matrix[row &* 8 &+ n] * (transposed ? basis[n &* 8 &+ k] : basis[k &* 8 &+ n])
        }
        result[k &* 8 &+ row] = sum
      }
    }
  }
}
