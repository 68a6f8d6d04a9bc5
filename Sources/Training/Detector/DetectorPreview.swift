public import Capture
import FaceCrop
import Pixels

/// Pictures for the eye: what the detector is trained on.
public enum DetectorPreview {
  /// A sheet of training canvases with their faces: green boxes are asked for, yellow ones left out of the loss, red dots
  /// are the landmarks on the left of the picture, green ones those on the right.
  public static func sheet(
    library: DetectorLibrary, recipe: DetectorRecipe, columns: Int, rows: Int
  ) -> RGBImage {
    let width = recipe.canvasWidth
    let height = recipe.canvasHeight
    var sheet = RGBImage(
      width: width * columns, height: height * rows,
      pixels: [UInt8](repeating: 0, count: 3 * width * columns * height * rows))
    let composer = CanvasComposer(library: library, canvas: recipe.canvases[0], recipe: recipe)
    for tile in 0..<columns * rows {
      var generator = RandomGenerator(seed: recipe.seed, stream: UInt64(tile))
      let canvas = composer.compose(&generator)
      var picture = RGBImage(canvas.image)
      for face in canvas.faces {
        picture.draw(face.box, with: face.isIgnored ? .yellow : .green)
        guard !face.isIgnored else { continue }
        for (index, point) in face.landmarks.points.enumerated() {
          picture.draw(point, with: index == 0 || index == 3 ? .red : .green, size: 2)
        }
      }
      for y in 0..<height {
        let target = ((tile / columns * height + y) * width * columns + tile % columns * width) * 3
        sheet.pixels.replaceSubrange(
          target..<target + 3 * width, with: picture.pixels[y * width * 3..<(y + 1) * width * 3])
      }
    }
    return sheet
  }
}
