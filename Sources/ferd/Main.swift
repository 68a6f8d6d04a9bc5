import ArgumentParser
import Foundation

/// Parses, runs the chosen subcommand, and turns whatever ended it into the documented exit status.
@main
enum Main {
  static func main() async {
    prepareProcess()
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

  private static func prepareProcess() {
    // A reader that goes away shows as an error of write(2) instead.
    signal(SIGPIPE, SIG_IGN)
    // Likewise a file that becomes larger than the process may write.
    signal(SIGXFSZ, SIG_IGN)
    // Where a standard stream is closed, the first file opened would take its place and get what is meant for it.
    // Open the wrong way round, so that using it fails as it would have.
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) == -1 {
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
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
