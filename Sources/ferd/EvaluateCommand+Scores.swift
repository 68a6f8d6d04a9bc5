import Pipeline
import Training

extension EvaluateCommand {
  /// Writes a CSV table that `ferd train --soft-labels` reads: path and class of each picture, and the flip-averaged
  /// probability of each class, without bias factors.
  static func write(_ evaluation: EnsembleEvaluation, to file: ResultFile) throws(OutputError) {
    var line = LineBuffer()
    line.append("file,label")
    for label in evaluation.labels {
      line.append(",")
      line.append(csvField: label)
    }
    line.append("\r\n")
    try file.write(line)
    let classes = evaluation.labels.count
    for (index, picture) in evaluation.files.enumerated() {
      line.removeAll()
      line.append(csvField: picture.path)
      line.append(",")
      line.append(csvField: evaluation.labels[picture.label])
      for score in evaluation.flipAveraged[index * classes..<(index + 1) * classes] {
        line.append(",")
        line.append(shortest: score)
      }
      line.append("\r\n")
      try file.write(line)
    }
    try file.finish()
  }
}
