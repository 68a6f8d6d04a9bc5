import ArgumentParser

/// Which face detector to use; the same in every subcommand that looks for faces.
struct DetectorOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Face detector (.safetensors). Default: $FERD_DETECTOR, or else the bundled one.", valueName: "path"))
  var detector: String?

  @Option(
    help: ArgumentHelp(
      "Longer side in pixels to which pictures are reduced for the detector; larger finds smaller faces, slower. "
        + "Default: 480.",
      valueName: "n"))
  var detectSize: Int?

  func validate() throws {
    if let detectSize, !(32...4096 ~= detectSize) {
      throw ValidationError("--detect-size takes a number from 32 to 4096, not \(detectSize).")
    }
  }

  /// Where the detector lies.
  ///
  /// - Throws: `CommandFailure` (66) where there is none.
  func path() throws -> String {
    try ModelLocator().path(
      given: detector, variable: "FERD_DETECTOR", bundledName: ModelLocator.detectorName, what: "detector",
      option: "--detector")
  }
}
