import ArgumentParser

/// Parses, runs the chosen subcommand, and turns whatever ended it into the documented exit status.
@main
enum Main {
  static func main() async {
    do {
      let arguments = ArgumentSpelling.normalised(Array(CommandLine.arguments.dropFirst()))
      var command = try Ferd.parseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      leave(with: error)
    }
  }

  private static func leave(with error: any Error) -> Never {
    if let failure = CommandFailure(wrapping: error) {
      Diagnostics.error(failure.message)
      Ferd.exit(withError: ExitCode(failure.status.rawValue))
    }
    // What the parser throws itself: help, version, wrong usage, or an `ExitCode` of a subcommand.
    let code = Ferd.exitCode(for: error)
    guard code == .failure, !(error is ExitCode) else { Ferd.exit(withError: error) }
    Diagnostics.error("unexpected: \(error)")
    Ferd.exit(withError: ExitCode(ExitStatus.internalError.rawValue))
  }
}
