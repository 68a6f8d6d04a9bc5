package import Pixels

extension LumaImage {
  /// A copy of a plane, stretched to full range where it is limited.
  package init(copying plane: LumaPlane) {
    let width = plane.width
    let height = plane.height
    let pixels = [UInt8](unsafeUninitializedCapacity: width * height) { buffer, count in
      let target = buffer.baseAddress!
      for y in 0..<height {
        (target + y * width).update(from: plane.base + y * plane.bytesPerRow, count: width)
      }
      count = width * height
      if plane.range == .limited {
        for index in 0..<count { target[index] = LumaImage.fullRange[Int(target[index])] }
      }
    }
    self.init(width: width, height: height, pixels: pixels)
  }

  /// ITU-R BT.601 levels 16...235 to 0...255, rounded and clamped.
  private static let fullRange: [UInt8] = (0..<256).map { (value: Int) -> UInt8 in
    let stretched = (Float(value) - 16) * 255 / 219
    return UInt8(max(0, min(255, stretched.rounded())))
  }
}
