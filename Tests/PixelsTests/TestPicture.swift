import Pixels

/// Random samples with padding between rows, and plain double-precision references of what the kernels compute.
struct TestPicture {
  let width: Int
  let height: Int
  let range: LumaRange
  private let bytesPerRow: Int
  private var storage: [UInt8]

  init(width: Int, height: Int, range: LumaRange, samples: [UInt8]) {
    self.width = width
    self.height = height
    self.range = range
    bytesPerRow = width + 5
    storage = [UInt8](repeating: 99, count: bytesPerRow * (height - 1) + width)
    for y in 0..<height { for x in 0..<width { storage[y * bytesPerRow + x] = samples[y * width + x] } }
  }

  /// All 256 values, beyond the legal ones of limited range too.
  init(width: Int, height: Int, range: LumaRange, seed: UInt32) {
    var state = seed
    let samples = (0..<width * height).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(state >> 24)
    }
    self.init(width: width, height: height, range: range, samples: samples)
  }

  subscript(x: Int, y: Int) -> UInt8 {
    storage[min(max(y, 0), height - 1) * bytesPerRow + min(max(x, 0), width - 1)]
  }

  func withPlane(_ body: (LumaPlane) -> Void) {
    storage.withUnsafeBufferPointer {
      // The last row has no padding behind it: reading beyond its end must show under a sanitizer.
      body(
        LumaPlane(
          base: $0.baseAddress!, width: width, height: height, bytesPerRow: bytesPerRow, range: range))
    }
  }

  private func fullRange(_ value: Double) -> Double {
    range == .full ? value : min(max((value - 16) * 255 / 219, 0), 255)
  }

  /// One value of the picture resized with a triangle filter, full range.
  func triangleFiltered(x: Int, y: Int, width: Int, height: Int) -> Double {
    func weights(_ target: Int, _ targetLength: Int, _ sourceLength: Int) -> [Double] {
      let scale = Double(sourceLength) / Double(targetLength)
      let center = (Double(target) + 0.5) * scale
      let all = (0..<sourceLength).map { max(0, 1 - abs(Double($0) + 0.5 - center) / max(1, scale)) }
      let sum = all.reduce(0, +)
      return all.map { $0 / sum }
    }
    let across = weights(x, width, self.width)
    var sum = 0.0
    for (row, weight) in weights(y, height, self.height).enumerated() where weight > 0 {
      for (column, other) in across.enumerated() where other > 0 {
        sum += weight * other * Double(self[column, row])
      }
    }
    return fullRange(sum)
  }

  /// One value of the picture warped, full range.
  func warped(_ map: AffineTransform, x: Int, y: Int, samples: Int) -> Double {
    var sum = 0.0
    for p in 0..<samples {
      for q in 0..<samples {
        let u = Double(x) + (Double(q) + 0.5) / Double(samples)
        let v = Double(y) + (Double(p) + 0.5) / Double(samples)
        let sx = Double(map.a) * u + Double(map.b) * v + Double(map.tx) - 0.5
        let sy = Double(map.c) * u + Double(map.d) * v + Double(map.ty) - 0.5
        sum += bilinear(sx, sy)
      }
    }
    return fullRange(sum / Double(samples * samples))
  }

  private func bilinear(_ x: Double, _ y: Double) -> Double {
    let x = min(max(x, 0), Double(width - 1))
    let y = min(max(y, 0), Double(height - 1))
    let (left, top) = (Int(x), Int(y))
    let (fx, fy) = (x - Double(left), y - Double(top))
    let upper = Double(self[left, top]) * (1 - fx) + Double(self[left + 1, top]) * fx
    let lower = Double(self[left, top + 1]) * (1 - fx) + Double(self[left + 1, top + 1]) * fx
    return upper * (1 - fy) + lower * fy
  }
}
