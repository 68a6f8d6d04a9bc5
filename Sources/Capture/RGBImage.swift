public import Pixels

/// An 8-bit colour picture without padding, for drawing on: debugging pictures, overlays.
public struct RGBImage: Equatable, Sendable {
  public struct Color: Equatable, Sendable {
    public var red: UInt8
    public var green: UInt8
    public var blue: UInt8

    public init(red: UInt8, green: UInt8, blue: UInt8) {
      self.red = red
      self.green = green
      self.blue = blue
    }

    public static let red = Color(red: 255, green: 48, blue: 48)
    public static let green = Color(red: 48, green: 230, blue: 48)
    public static let yellow = Color(red: 255, green: 220, blue: 0)
  }

  public let width: Int
  public let height: Int
  /// `height * width * 3` samples: red, green, blue, row by row.
  public var pixels: [UInt8]

  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0, "a picture of \(width)x\(height)")
    precondition(pixels.count == width * height * 3, "\(pixels.count) samples for \(width)x\(height) in colour")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// The same picture, all grey.
  public init(_ image: LumaImage) {
    self.init(width: image.width, height: image.height, pixels: image.pixels.flatMap { [$0, $0, $0] })
  }

  /// Fills the part of a rectangle that lies in the picture.
  public mutating func fill(x: Int, y: Int, width fillWidth: Int, height fillHeight: Int, with color: Color) {
    let columns = max(0, x)..<max(0, x, min(width, x + fillWidth))
    let rows = max(0, y)..<max(0, y, min(height, y + fillHeight))
    for row in rows {
      for column in columns {
        let index = (row * width + column) * 3
        pixels[index] = color.red
        pixels[index + 1] = color.green
        pixels[index + 2] = color.blue
      }
    }
  }

  /// Draws the border of a box, `thickness` pixels inwards.
  public mutating func draw(_ box: Rect, with color: Color, thickness: Int = 1) {
    // A box may come from a network that has gone astray; anything far outside looks the same.
    func pixel(_ value: Float) -> Int { value.isNaN ? 0 : Int(max(-1e6, min(1e6, value)).rounded()) }
    let left = pixel(box.x)
    let top = pixel(box.y)
    let boxWidth = pixel(box.maxX) - left
    let boxHeight = pixel(box.maxY) - top
    fill(x: left, y: top, width: boxWidth, height: thickness, with: color)
    fill(x: left, y: top + boxHeight - thickness, width: boxWidth, height: thickness, with: color)
    fill(x: left, y: top, width: thickness, height: boxHeight, with: color)
    fill(x: left + boxWidth - thickness, y: top, width: thickness, height: boxHeight, with: color)
  }

  /// Draws a small square around a point.
  public mutating func draw(_ point: Point, with color: Color, size: Int = 3) {
    guard abs(point.x) < 1e6, abs(point.y) < 1e6 else { return }
    fill(x: Int(point.x) - size / 2, y: Int(point.y) - size / 2, width: size, height: size, with: color)
  }
}
