import ArgumentParser

struct Ferd: AsyncParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "ferd",
    abstract: "Finds faces in videos and pictures and tells their emotions, one JSON line per frame.",
    discussion: """
      Results go to standard output, everything else to standard error.

      Exit status: 0 done; 64 wrong usage; 65 not one frame or picture could be read; 66 no such input; 69 device \
      unavailable; 70 a bug in ferd; 74 input or output failed; 130 and 143 ended by SIGINT and SIGTERM.
      """,
    version: version,
    subcommands: [
      AnnotateCommand.self, PredictCommand.self, StreamCommand.self, EvaluateCommand.self, ModelsCommand.self,
      TrainCommand.self, TrainDetectorCommand.self, TuneBiasCommand.self, DevicesCommand.self,
    ])
}
