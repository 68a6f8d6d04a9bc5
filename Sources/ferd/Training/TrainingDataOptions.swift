import ArgumentParser
import Foundation
import Training

/// What a training run learns from.
struct TrainingDataOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Folder of the pictures.", valueName: "folder"))
  var dataDir: String

  @Option(
    help: ArgumentHelp(
      "Classes, separated by commas, in the order of the scores. Default: the seven emotions.", valueName: "names"))
  var labels: String?

  @Option(help: ArgumentHelp("Crowd votes for the pictures (CSV with a column per class).", valueName: "csv"))
  var softLabels: String?

  @Option(
    help: ArgumentHelp(
      "File with relative paths, one a line, of validation pictures that do not count where the best epoch is selected.",
      valueName: "file"))
  var exclude: String?

  func validate() throws {
    guard !dataDir.isEmpty else { throw ValidationError("--data-dir is empty.") }
    guard let labels else { return }
    let names = NameList.parse(labels)
    guard names.count >= 2, names.allSatisfy({ !$0.isEmpty && !$0.contains("/") }) else {
      throw ValidationError("--labels takes at least two names of classes, not \"\(labels)\".")
    }
    // Folders are found without regard to case.
    guard Set(names.map { $0.lowercased() }).count == names.count else {
      throw ValidationError("--labels names a class twice: \"\(labels)\".")
    }
  }

  var classes: ClassLabels { labels.map { ClassLabels(NameList.parse($0)) } ?? .emotions }

  /// Lists, decodes and splits the pictures; tells of those that cannot be read.
  ///
  /// - Parameters:
  ///   - output: The run's folder, which may lie among the pictures.
  ///   - takesTest: False leaves the test part out.
  func load(
    _ recipe: TrainingRecipe, cacheFolder: URL, passingOver output: URL, takesTest: Bool
  ) throws -> TrainingData {
    let classes = classes
    _ = try recipe.focusPositions(in: classes)
    let listing = try FolderListing.read(dataDir, labels: classes, passingOver: output)
    let excluded = try exclude.map { try ExclusionList.read($0) } ?? []
    let data = try TrainingData.read(
      listing, recipe: recipe, labels: classes, cacheFolder: cacheFolder, takesTest: takesTest,
      softLabels: softLabels, duplicates: excluded)
    ExclusionList.warnAboutStrays(excluded, among: data.validation.files, kind: "validation picture")
    if !data.excludedClasses.isEmpty {
      Diagnostics.warning(
        "--exclude leaves no validation picture of \(data.excludedClasses.joined(separator: ", ")): the best epoch is "
          + "chosen without regard to that")
    }
    let unreadable = [data.training, data.validation, data.test].compactMap(\.self).flatMap(\.unreadable)
    for (path, problem) in unreadable.prefix(20) { Diagnostics.warning("\(path) is left out: \(problem)") }
    if unreadable.count > 1 {
      Diagnostics.warning("\(unreadable.count) pictures cannot be read and are left out")
    }
    return data
  }
}
