import Foundation
import Inference

/// The files of a report: `report.html`, and the data, scripts and pictures in `report/` beside it.
struct ReportFolder {
  /// Holds `report.html`.
  let url: URL
  let gnuplot: Gnuplot?
  /// Pictures that could not be drawn, each problem once.
  private(set) var warnings: [String] = []

  private var files: URL { url.appending(path: "report") }

  /// Makes the folder where it does not exist.
  init(_ url: URL, gnuplot: Gnuplot?) throws(TrainingError) {
    self.url = url
    self.gnuplot = gnuplot
    let path = files.path
    try FileAccess.makeFolder(path) { TrainingError.inputOutput(path: path, $0) }
  }

  /// Writes the data and the script of a picture, and draws it.
  ///
  /// - Returns: HTML with the picture, or with the reason why there is none.
  mutating func draw(_ plot: Plot, caption: String? = nil) throws(TrainingError) -> String {
    try write(plot.data.text, to: plot.dataFile)
    try write(plot.script, to: plot.scriptFile)
    let content: String
    switch drawn(plot) {
    case .success(let svg):
      try write(svg, to: plot.pictureFile)
      content =
        "<div class=\"scroll\">"
        + InlinePicture.svg(svg, name: plot.name, title: plot.title, width: plot.width) + "</div>"
    case .failure(let failure):
      // One of an earlier report would show other data.
      try? FileManager.default.removeItem(at: files.appending(path: plot.pictureFile))
      content = "<p class=\"missing\">\(ReportText.html(failure.description))</p>"
    }
    let text = caption ?? plot.title
    return "<figure>\(content)<figcaption>\(ReportText.html(text)) <a href=\"report/\(plot.dataFile)\">Data</a>"
      + "</figcaption></figure>"
  }

  private mutating func drawn(_ plot: Plot) -> Result<String, Gnuplot.Failure> {
    guard plot.hasContent else { return .failure(.init(description: "There is nothing to draw yet.")) }
    guard let gnuplot else {
      warn(Self.missing)
      return .failure(.init(description: "gnuplot is not installed: no picture."))
    }
    do throws(Gnuplot.Failure) {
      return .success(try gnuplot.draw(plot.scriptFile, in: files))
    } catch {
      warn("no picture \(plot.name): \(error)")
      return .failure(error)
    }
  }

  static let missing =
    "gnuplot is not installed: the report has data files but no pictures (Debian: apt-get install gnuplot-nox)"

  private mutating func warn(_ text: String) {
    if !warnings.contains(text) { warnings.append(text) }
  }

  /// Puts the page in place.
  func write(_ page: ReportPage) throws(TrainingError) {
    let path = url.appending(path: "report.html").path
    try FileAccess.replace(path, with: [Array(page.html.utf8)]) { TrainingError.inputOutput(path: path, $0) }
  }

  /// Of a file in `report/`.
  func path(_ name: String) -> String { files.appending(path: name).path }

  /// Puts a file into `report/`.
  func write(_ text: String, to name: String) throws(TrainingError) {
    let path = path(name)
    try FileAccess.replace(path, with: [Array(text.utf8)]) { TrainingError.inputOutput(path: path, $0) }
  }
}
