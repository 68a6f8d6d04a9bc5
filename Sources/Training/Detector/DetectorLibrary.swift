import FaceCrop
public import Pixels

/// One picture of the training set in memory.
final class LabelledPicture: Sendable {
  let pyramid: PicturePyramid
  let faces: [AnnotatedFace]
  let meanBrightness: Float

  init(_ image: LumaImage, faces: [AnnotatedFace]) {
    pyramid = PicturePyramid(image)
    self.faces = faces
    meanBrightness = pyramid.meanBrightness
  }

  var width: Float { Float(pyramid.width) }
  var height: Float { Float(pyramid.height) }
  var bounds: Rect { Rect(x: 0, y: 0, width: width, height: height) }
}

/// The pictures that training canvases are composed of, by what they are good for.
public final class DetectorLibrary: Sendable {
  /// Pictures of people with at least one sure face.
  let people: [LabelledPicture]
  /// Other photographs with at least one sure face.
  let scenes: [LabelledPicture]
  /// Sure faces of all of these that look aside: far fewer than detectors meet.
  let turned: [(picture: LabelledPicture, face: AnnotatedFace)]
  /// Tight close-ups of one face.
  let portraits: [LabelledPicture]
  /// Small face crops; may be none.
  let crops: [LabelledPicture]
  /// Pictures without a sure face; doubtful ones may be in them.
  let negatives: [LabelledPicture]

  /// Pictures in memory.
  public var pictureCount: Int {
    people.count + scenes.count + portraits.count + crops.count + negatives.count
  }

  /// Sorts pictures by the first component of their path: `portraits`, `people`, `scenes`, and any other for crops.
  ///
  /// - Throws: `TrainingError.invalidSettings` where there is nothing to paint a background or a face with.
  public init(_ pictures: [(annotation: FaceAnnotation, image: LumaImage)]) throws(TrainingError) {
    var people: [LabelledPicture] = []
    var scenes: [LabelledPicture] = []
    var portraits: [LabelledPicture] = []
    var crops: [LabelledPicture] = []
    var negatives: [LabelledPicture] = []
    for (annotation, image) in pictures where image.width >= 8 && image.height >= 8 {
      let picture = LabelledPicture(image, faces: annotation.faces)
      let hasFace = annotation.faces.contains { !$0.isIgnored }
      switch annotation.folder {
      case "portraits": if hasFace { portraits.append(picture) }
      case "people": if hasFace { people.append(picture) }
      case "scenes": if hasFace { scenes.append(picture) } else { negatives.append(picture) }
      default: if hasFace { crops.append(picture) }
      }
    }
    guard !negatives.isEmpty else { throw .invalidSettings("expected scenes without faces, got none") }
    guard !people.isEmpty, !scenes.isEmpty, !portraits.isEmpty else {
      throw .invalidSettings(
        "expected people, scenes and portraits with faces, got \(people.count), \(scenes.count), \(portraits.count)"
      )
    }
    turned = (people + scenes + portraits).flatMap { picture in
      picture.faces.filter { !$0.isIgnored && $0.landmarks.areTurned(in: $0.box) }.map { (picture, $0) }
    }
    self.people = people
    self.scenes = scenes
    self.portraits = portraits
    self.crops = crops
    self.negatives = negatives
  }
}

extension FaceLandmarks {
  /// True from about half a profile on: the nose stands far from the middle between the eyes, or these are close together.
  func areTurned(in box: Rect) -> Bool {
    let (right, left) = (rightEye, leftEye)
    let (x, y) = (left.x - right.x, left.y - right.y)
    let distance = max(1e-3, (x * x + y * y).squareRoot())
    let aside =
      ((nose.x - (left.x + right.x) / 2) * x + (nose.y - (left.y + right.y) / 2) * y) / (distance * distance)
    return abs(aside) > 0.3 || distance < 0.33 * box.area.squareRoot()
  }
}
