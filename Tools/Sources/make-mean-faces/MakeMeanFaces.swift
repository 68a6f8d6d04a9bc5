import ArgumentParser
import Capture
import Foundation

/// Makes the bundled clip: `swift run -c release --package-path Tools make-mean-faces --data-dir DIR`.
@main
struct MakeMeanFaces: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "make-mean-faces",
    abstract: "Averages aligned faces of FER2013's training part by emotion and shows the means in a short clip.",
    discussion: """
      A mean of hundreds of people is nobody's portrait. The clip needs landmarks.csv and labels.csv beside train/ in \
      the data folder. The same data give the same clip.
      """)

  @Option(help: "FER2013 as <class>/<n>.png below train/, with labels.csv and landmarks.csv.")
  var dataDir: String

  @Option(help: "Faces in each mean.")
  var count = 600

  @Option(help: "The clip.")
  var output = "docs/mean-faces.mp4"

  @Option(help: "Also write each mean as a picture into this folder.")
  var pictures: String?

  func run() throws {
    let catalogue = try FaceCatalogue(folder: dataDir)
    var means: [String: MeanFace] = [:]
    for emotion in Set(Storyboard.scenes.map(\.emotion)).sorted() {
      let faces = catalogue.clearest(emotion, count: count)
      let mean = try MeanFace(averaging: faces)
      FileHandle.standardError.write(Data("\(emotion): mean of \(faces.count) faces\n".utf8))
      if let pictures {
        try FileManager.default.createDirectory(atPath: pictures, withIntermediateDirectories: true)
        try writePicture(mean.picture(), to: "\(pictures)/\(emotion).png")
      }
      means[emotion] = mean
    }

    var options = VideoWriterOptions()
    options.frameRate = (numerator: Storyboard.framesPerSecond, denominator: 1)
    options.keyFrameInterval = 2 * Storyboard.framesPerSecond
    options.encoderOptions = ["crf": "23", "preset": "slow"]
    options.containerOptions = ["movflags": "+faststart"]
    let writer = try VideoWriter(
      path: output, width: Storyboard.width, height: Storyboard.height, options: options)
    for number in 0..<Storyboard.frameCount {
      try writer.append(Storyboard.frame(number, means: means))
    }
    try writer.finish()
  }
}
