import Glibc
public import Pixels

/// How a face's crop is framed; part of a model's file, because a network only knows faces framed like those it learned
/// from.
///
/// Positions inside a crop are fractions of its side, (0, 0) its upper left corner.
public struct CropGeometry: Equatable, Sendable {
  public enum Alignment: String, Codable, Sendable {
    /// Side from the box, centre from box and landmarks, turned only as far as `toleratedRoll` demands.
    case framed
    /// The similarity that brings the landmarks nearest to the template; the box is not looked at.
    case similarity
  }

  public var alignment: Alignment
  /// Side of the crop / (width^`widthShare` · height^(1 − `widthShare`) of the box).
  public var sideScale: Float
  /// 0 = the side follows the box's height alone, 1 = its width alone.
  public var widthShare: Float
  /// Where the centre of the box comes to lie.
  public var boxCenter: Point
  /// 0 = the centre of the crop follows the box alone, 1 = the landmarks' mean alone.
  public var landmarkShare: Float
  /// Roll of the head in radians that stays in the crop; what is more is turned back. π = never turn.
  public var toleratedRoll: Float
  /// Where the five landmarks come to lie on average, in the order of `FaceLandmarks.points`.
  public var template: [Point]

  /// - Precondition: `problem` of the values is nil.
  public init(
    alignment: Alignment, sideScale: Float, widthShare: Float, boxCenter: Point, landmarkShare: Float,
    toleratedRoll: Float, template: [Point]
  ) {
    self.alignment = alignment
    self.sideScale = sideScale
    self.widthShare = widthShare
    self.boxCenter = boxCenter
    self.landmarkShare = landmarkShare
    self.toleratedRoll = toleratedRoll
    self.template = template
    if let problem { preconditionFailure(problem) }
  }

  /// The framing of FER2013's pictures, fitted to those of its training part that have sure landmarks.
  ///
  /// FER2013's faces are cut out by a detector's square and are not turned. Against the whole pictures, the crop
  /// is off by a median of 3.5 pixels of 48 (root mean square over the crop) on the validation part; 4.2 with
  /// `fer2013Box` and 4.3 with `fer2013Similarity`. The width of a box tells the side better than its height (a smile or
  /// an open mouth lengthens a face), and the landmarks tell the centre better than the box, both together best.
  public static let fer2013 = CropGeometry(
    alignment: .framed, sideScale: 1.205, widthShare: 0.75, boxCenter: Point(x: 0.486, y: 0.497),
    landmarkShare: 0.6,
    toleratedRoll: 15 * .pi / 180, template: fer2013Template)

  /// FER2013's framing from the box alone: side = 0.98 × height.
  public static let fer2013Box = CropGeometry(
    alignment: .framed, sideScale: 0.98, widthShare: 0, boxCenter: Point(x: 0.486, y: 0.497), landmarkShare: 0,
    toleratedRoll: .pi, template: fer2013Template)

  /// FER2013's framing from the landmarks alone, heads turned upright.
  public static let fer2013Similarity = CropGeometry(
    alignment: .similarity, sideScale: 0.98, widthShare: 0, boxCenter: Point(x: 0.486, y: 0.497), landmarkShare: 1,
    toleratedRoll: 0, template: fer2013Template)

  /// Medians of the landmarks of FER2013's training pictures.
  private static let fer2013Template = [
    Point(x: 0.306, y: 0.382), Point(x: 0.674, y: 0.396), Point(x: 0.458, y: 0.590), Point(x: 0.333, y: 0.750),
    Point(x: 0.625, y: 0.764),
  ]

  /// What is wrong with the values, nil if nothing.
  private var problem: String? {
    let numbers = [sideScale, widthShare, boxCenter.x, boxCenter.y, landmarkShare, toleratedRoll]
    guard (numbers + template.flatMap { [$0.x, $0.y] }).allSatisfy(\.isFinite) else {
      return "a crop geometry of finite numbers was expected"
    }
    guard template.count == 5, Similarity.fit(from: template, to: template) != nil else {
      return "a template of five different points was expected, there are \(template.count)"
    }
    guard sideScale > 0, toleratedRoll >= 0, 0...1 ~= widthShare, 0...1 ~= landmarkShare else {
      return "a positive side and shares from 0 to 1 were expected"
    }
    return nil
  }
}

extension CropGeometry: Codable {
  private enum CodingKeys: String, CodingKey {
    case alignment, sideScale, widthShare, boxCenter, landmarkShare, toleratedRoll, template
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    alignment = try values.decode(Alignment.self, forKey: .alignment)
    sideScale = try values.decode(Float.self, forKey: .sideScale)
    widthShare = try values.decode(Float.self, forKey: .widthShare)
    boxCenter = try values.decode(Point.self, forKey: .boxCenter)
    landmarkShare = try values.decode(Float.self, forKey: .landmarkShare)
    toleratedRoll = try values.decode(Float.self, forKey: .toleratedRoll)
    template = try values.decode([Point].self, forKey: .template)
    if let problem {
      throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: problem))
    }
  }
}

extension CropGeometry {
  /// The map from the crop (a square of side 1) to the picture.
  public func cropToPicture(_ face: DetectedFace) -> AffineTransform {
    let fit = Similarity.fit(from: template, to: face.landmarks.points)
    if alignment == .similarity, let fit {
      return AffineTransform(a: fit.p, b: -fit.q, tx: fit.tx, c: fit.q, d: fit.p, ty: fit.ty)
    }
    return framed(face, roll: fit?.angle ?? 0)
  }

  private func framed(_ face: DetectedFace, roll: Float) -> AffineTransform {
    let width = max(face.box.width, 1)
    let height = max(face.box.height, 1)
    let side = sideScale * exp(widthShare * log(width) + (1 - widthShare) * log(height))
    let turn = roll - min(max(roll, -toleratedRoll), toleratedRoll)
    let (p, q) = (side * cos(turn), side * sin(turn))

    // Where the middle of the crop falls if the box, or the landmarks' mean, is to lie at its place.
    func middle(of anchor: Point, at place: Point) -> Point {
      let (x, y) = (0.5 - place.x, 0.5 - place.y)
      return Point(x: anchor.x + p * x - q * y, y: anchor.y + q * x + p * y)
    }
    let fromBox = middle(of: face.box.center, at: boxCenter)
    let fromLandmarks = middle(of: Self.mean(face.landmarks.points), at: Self.mean(template))
    let center = Point(
      x: fromBox.x + landmarkShare * (fromLandmarks.x - fromBox.x),
      y: fromBox.y + landmarkShare * (fromLandmarks.y - fromBox.y))
    return AffineTransform(
      a: p, b: -q, tx: center.x - (p - q) / 2, c: q, d: p, ty: center.y - (q + p) / 2)
  }

  private static func mean(_ points: [Point]) -> Point {
    let count = Float(points.count)
    return Point(x: points.reduce(0) { $0 + $1.x } / count, y: points.reduce(0) { $0 + $1.y } / count)
  }
}
