/// A picture for gnuplot: its numbers and the commands that draw them.
struct Plot: Sendable {
  /// Names the files: lower-case letters, digits and hyphens.
  let name: String
  /// What it shows, in words.
  let title: String
  let data: DataTable
  /// In pixels at its natural size.
  let width: Int
  let height: Int
  /// What comes behind the settings that all pictures share.
  let commands: [String]
  /// False where there is nothing to draw, which gnuplot takes for a mistake.
  let hasContent: Bool

  init(
    name: String, title: String, data: DataTable, width: Int = 760, height: Int = 380, hasContent: Bool = true,
    commands: [String]
  ) {
    precondition(
      !name.isEmpty && name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-".utf8.contains($0) },
      "a picture called \(name)")
    self.name = name
    self.title = title
    self.data = data
    self.width = width
    self.height = height
    self.hasContent = hasContent
    self.commands = commands
  }

  var dataFile: String { "\(name).tsv" }
  var scriptFile: String { "\(name).gp" }
  var pictureFile: String { "\(name).svg" }

  /// A whole gnuplot script that reads `dataFile` from the folder where it is run and prints SVG.
  var script: String {
    let shared = [
      "# \(scriptFile): run by `gnuplot -d \(scriptFile) > \(pictureFile)` in the folder of \(dataFile)",
      "set terminal svg noenhanced size \(width),\(height) dynamic background rgb \"#FFFFFF\" "
        + "font \"sans-serif,13\"",
      "set encoding utf8",
      "set datafile separator \"\\t\"",
      "set datafile commentschars \"\"",
      "set datafile missing \"NaN\"",
      "set border 3 linewidth 0.8",
      "set tics nomirror scale 0.6",
      "set format \"%g\"",
      "set grid ytics linewidth 0.6 linecolor rgb \"#A0A0A0\" dashtype 3",
      "set key outside right top vertical Left reverse samplen 1.5 spacing 1.15",
    ]
    return (shared + commands).joined(separator: "\n") + "\n"
  }

  /// A `plot` command of several parts.
  static func plot(_ parts: [String]) -> String { "plot " + parts.joined(separator: ", \\\n  ") }

  /// Longest label that is shown in a picture, in characters.
  static let labelLimit = 18
}

/// One axis of a picture.
struct PlotAxis: Sendable {
  /// With the unit.
  var label: String
  /// What the numbers of the data file are multiplied by, such as 100 for percent.
  var scale = 1.0
  /// After scaling; nil = up to what the data need.
  var minimum: Double?
  var maximum: Double?

  static func percent(_ label: String) -> PlotAxis {
    PlotAxis(label: "\(label) (%)", scale: 100, minimum: 0, maximum: 100)
  }

  /// The range in gnuplot's notation.
  var range: String {
    "[\(minimum.map { String($0) } ?? "*"):\(maximum.map { String($0) } ?? "*")]"
  }
}
