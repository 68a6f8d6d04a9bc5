import Foundation
import Pixels

/// What the clip shows when: one face that passes through emotions and across the picture, nearer and farther.
enum Storyboard {
  struct Scene {
    var emotion: String
    /// How long the emotion stays, without the passage to the next one.
    var seconds: Double
  }

  static let width = 640
  static let height = 360
  static let framesPerSecond = 25
  /// Not sad: averaging wipes out what is sad about the faces.
  static let scenes = [
    Scene(emotion: "neutral", seconds: 1.6), Scene(emotion: "happy", seconds: 1.6),
    Scene(emotion: "surprise", seconds: 1.6), Scene(emotion: "angry", seconds: 1.6),
    Scene(emotion: "neutral", seconds: 1.6), Scene(emotion: "happy", seconds: 1.6),
  ]
  /// Passage from one emotion to the next.
  static let passageSeconds = 0.4

  static var seconds: Double {
    scenes.reduce(0) { $0 + $1.seconds } + passageSeconds * Double(scenes.count - 1)
  }

  static var frameCount: Int { Int((seconds * Double(framesPerSecond)).rounded()) }

  static func frame(_ number: Int, means: [String: MeanFace]) -> LumaImage {
    let time = Double(number) / Double(framesPerSecond)
    return paint(face(at: time, means: means), at: placement(time), time: time)
  }

  /// The emotion, or the passage between two, at a time.
  private static func face(at time: Double, means: [String: MeanFace]) -> MeanFace {
    var start = 0.0
    for (index, scene) in scenes.enumerated() {
      let current = means[scene.emotion]!
      if time < start + scene.seconds || index == scenes.count - 1 { return current }
      start += scene.seconds
      if time < start + passageSeconds {
        let share = (time - start) / passageSeconds
        // Slow at both ends.
        return current.mixed(
          with: means[scenes[index + 1].emotion]!, share: Float(share * share * (3 - 2 * share)))
      }
      start += passageSeconds
    }
    return means[scenes[0].emotion]!
  }

  private struct Placement {
    var center: Point
    /// Side of the means' canvas in pixels of the clip.
    var side: Float
    /// Radians.
    var roll: Float
  }

  private static func placement(_ time: Double) -> Placement {
    let turn = 2 * Double.pi * time / seconds
    let side = 205 + 75 * Float(sin(2 * turn))
    return Placement(
      center: Point(
        x: Float(width) / 2 - 165 * Float(cos(turn)), y: Float(height) / 2 + 28 * Float(sin(3 * turn))),
      side: side, roll: 0.12 * Float(sin(2.5 * turn)))
  }

  /// A smooth wall with a soft light that wanders a little.
  private static func background(x: Float, y: Float, time: Double) -> Float {
    let light = 0.5 + 0.1 * Float(sin(time * 0.7))
    let dx = x / Float(width) - light
    let dy = y / Float(height) - 0.35
    return 118 - 70 * (dx * dx + dy * dy) + 10 * sin(x / 83) * sin(y / 61)
  }

  private static func paint(_ face: MeanFace, at placement: Placement, time: Double) -> LumaImage {
    var image = LumaImage(width: width, height: height)
    let scale = Float(MeanFace.side) / placement.side
    let (cosine, sine) = (cos(placement.roll) * scale, sin(placement.roll) * scale)
    let middle = Float(MeanFace.side) / 2
    for y in 0..<height {
      for x in 0..<width {
        let (dx, dy) = (Float(x) + 0.5 - placement.center.x, Float(y) + 0.5 - placement.center.y)
        let (u, v) = (middle + cosine * dx + sine * dy, middle - sine * dx + cosine * dy)
        var value = background(x: Float(x), y: Float(y), time: time)
        let opacity = opacity(face, u, v)
        if opacity > 0 { value += opacity * (sample(face.luma, u, v) - value) }
        image.pixels[y * width + x] = UInt8(min(max(value.rounded(), 0), 255))
      }
    }
    return image
  }

  /// 1 on the face, 0 outside, with a soft edge in the shape of a head.
  private static func opacity(_ face: MeanFace, _ u: Float, _ v: Float) -> Float {
    let side = Float(MeanFace.side)
    guard 1..<side - 1 ~= u, 1..<side - 1 ~= v else { return 0 }
    let dx = (u - 0.5 * side) / (0.40 * side)
    let dy = (v - 0.5 * side) / (0.47 * side)
    let radius = (dx * dx + dy * dy).squareRoot()
    let edge = min(max((1 - radius) / 0.22, 0), 1)
    return edge * edge * (3 - 2 * edge) * min(1, sample(face.coverage, u, v) * 4)
  }

  private static func sample(_ values: [Float], _ u: Float, _ v: Float) -> Float {
    let side = MeanFace.side
    let (x, y) = (min(max(u - 0.5, 0), Float(side) - 1.001), min(max(v - 0.5, 0), Float(side) - 1.001))
    let (column, row) = (Int(x), Int(y))
    let (fx, fy) = (x - Float(column), y - Float(row))
    let index = row * side + column
    let top = values[index] + fx * (values[index + 1] - values[index])
    let bottom = values[index + side] + fx * (values[index + side + 1] - values[index + side])
    return top + fy * (bottom - top)
  }
}
