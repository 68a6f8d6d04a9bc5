import FaceCrop
import Pixels

/// One face of a synthesised training picture, in canvas pixels.
struct CanvasFace {
  /// As the label says, also where it leaves the canvas.
  var box: Rect
  var landmarks: FaceLandmarks
  /// Neither to be found nor a false alarm: its area is left out of the loss.
  var isIgnored: Bool
}

/// A training picture being put together: full-range grey samples and the faces on them.
final class DetectorCanvas {
  let width: Int
  let height: Int
  let pixels: UnsafeMutablePointer<UInt8>
  var faces: [CanvasFace] = []

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    pixels = .allocate(capacity: width * height)
    pixels.initialize(repeating: 0, count: width * height)
  }

  deinit { pixels.deallocate() }

  var bounds: PixelRect { PixelRect(left: 0, top: 0, right: width, bottom: height) }

  var image: LumaImage {
    LumaImage(
      width: width, height: height,
      pixels: [UInt8](UnsafeBufferPointer(start: pixels, count: width * height)))
  }

  func fill(_ area: PixelRect, with value: UInt8) {
    for y in area.top..<max(area.top, area.bottom) {
      (pixels + y * width + area.left).update(repeating: value, count: max(0, area.right - area.left))
    }
  }
}

/// Whole pixels `left..<right`, `top..<bottom`.
struct PixelRect: Equatable {
  var left: Int
  var top: Int
  var right: Int
  var bottom: Int

  var width: Int { right - left }
  var height: Int { bottom - top }

  var rect: Rect { Rect(x: Float(left), y: Float(top), width: Float(width), height: Float(height)) }
}

/// Which part of a picture is painted, and how its edge looks.
struct LayerMask {
  /// In pixels of the picture.
  var window: Rect
  /// nil = a hard rectangle. Otherwise a superellipse inscribed in the window: 2 is an ellipse, larger is boxier.
  var exponent: Float?
  /// Width of the soft edge as a share of the radius.
  var feather: Float = 0
}

/// How brightness is changed on the way to the canvas.
struct ToneCurve {
  private(set) var table: [UInt8]

  /// `value ↦ 255·((value/255)^gamma − 0.5)·contrast + 127.5 + brightness`
  init(contrast: Float, brightness: Float, gamma: Float) {
    table = (0..<256).map { index in
      let level = gamma == 1 ? Float(index) / 255 : power(Float(index) / 255, gamma)
      return UInt8(max(0, min(255, (255 * (level - 0.5) * contrast + 127.5 + brightness).rounded())))
    }
  }

  static let identity = ToneCurve(contrast: 1, brightness: 0, gamma: 1)

  func apply(to samples: UnsafeMutablePointer<UInt8>, count: Int) {
    table.withUnsafeBufferPointer { table in
      for index in 0..<count { samples[index] = table[Int(samples[index])] }
    }
  }
}
