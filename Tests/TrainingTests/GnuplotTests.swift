import Foundation
import Testing

@testable import Training

/// The program that draws, with scripts in its place.
struct GnuplotTests {
  private let folder: TemporaryFolder
  private let plot = Plot(
    name: "loss", title: "Loss", data: DataTable(columns: ["epoch"], rows: [[.number(1)]]), commands: ["plot x"])

  init() throws { folder = try TemporaryFolder() }

  private func makeProgram(_ script: String) throws -> Gnuplot {
    try folder.write(Array("#!/bin/sh\n\(script)\n".utf8), to: "bin/script")
    let path = folder.url.appending(path: "bin/gnuplot").path
    // Copied by another process: one that this process has just written may still be open in the child of another
    // test, and then cannot be run.
    let copied = ChildProcess.run(
      "/usr/bin/install", arguments: ["-m", "755", "\(folder.path)/bin/script", path], environment: [], seconds: 30)
    try #require(copied == .ended(status: 0, output: [], errors: []))
    return Gnuplot(path: path)
  }

  @Test func argumentsComeOneByOneAndWithoutAShell() throws {
    let gnuplot = try makeProgram("printf '%s\\n' \"$@\"; echo '</svg>'")
    let place = folder.url.appending(path: "$(touch pwned) 'x'")
    #expect(
      try gnuplot.draw("loss.gp", in: place)
        == "-d\n-e\ncd \(ReportText.gnuplot(path: place.path))\nloss.gp\n</svg>\n")
  }

  @Test func whatItTellsIsInTheError() throws {
    let gnuplot = try makeProgram(
      "echo plot y >&2; echo '     ^' >&2; echo 'line 3: undefined variable: y' >&2; exit 3")
    let failure = #expect(throws: Gnuplot.Failure.self) { try gnuplot.draw("loss.gp", in: folder.url) }
    #expect(failure?.description == "\(gnuplot.path) ended with status 3: plot y; line 3: undefined variable: y")
  }

  @Test(.timeLimit(.minutes(1))) func aProgramThatDoesNotEndIsKilledWithItsChildren() throws {
    // The inner shell would tell after a second that it has outlived the program.
    var gnuplot = try makeProgram("(sleep 1; touch '\(folder.path)/survived') & sleep 600; echo '</svg>'")
    gnuplot.timeLimit = 0.3
    let failure = #expect(throws: Gnuplot.Failure.self) { try gnuplot.draw("loss.gp", in: folder.url) }
    #expect(failure?.description == "\(gnuplot.path) did not end within 0.3 seconds")
    usleep(1_200_000)
    #expect(!FileManager.default.fileExists(atPath: folder.url.appending(path: "survived").path))
  }

  @Test(.timeLimit(.minutes(1))) func muchOutputIsTakenWithoutWaiting() throws {
    let gnuplot = try makeProgram(
      "head -c 300000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero >&2; echo '</svg>'")
    #expect(try gnuplot.draw("loss.gp", in: folder.url).count == 300_007)
  }

  @Test func otherEndsAreTold() throws {
    #expect(throws: Gnuplot.Failure(description: "\(folder.path)/bin/gnuplot drew nothing")) {
      try makeProgram("exit 0").draw("loss.gp", in: folder.url)
    }
    #expect(throws: Gnuplot.Failure(description: "\(folder.path)/bin/gnuplot was ended by signal 15")) {
      try makeProgram("kill -TERM $$").draw("loss.gp", in: folder.url)
    }
    #expect(throws: Gnuplot.Failure(description: "/nowhere/gnuplot cannot be started: No such file or directory")) {
      try Gnuplot(path: "/nowhere/gnuplot").draw("loss.gp", in: folder.url)
    }
  }

  @Test func blockedSignalsReachTheProgramAgain() throws {
    var signals = sigset_t()
    var former = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    pthread_sigmask(SIG_BLOCK, &signals, &former)
    defer { pthread_sigmask(SIG_SETMASK, &former, nil) }
    #expect(throws: Gnuplot.Failure(description: "\(folder.path)/bin/gnuplot was ended by signal 15")) {
      try makeProgram("kill -TERM $$; echo '</svg>'").draw("loss.gp", in: folder.url)
    }
  }

  @Test func itIsFoundInAbsoluteFoldersOfTheSearchPathOnly() throws {
    let path = try makeProgram("exit 0").path
    #expect(Gnuplot.find(searchPath: "/nowhere:\(folder.path)/bin:/x")?.path == path)
    #expect(Gnuplot.find(searchPath: "bin:.:") == nil)
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "other/gnuplot"), withIntermediateDirectories: true)
    #expect(Gnuplot.find(searchPath: "\(folder.path)/other") == nil)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    #expect(Gnuplot.find(searchPath: "\(folder.path)/bin") == nil)
  }

  @Test func withoutItTheDataStayAndThePageSaysSo() throws {
    try folder.write([1], to: "report/loss.svg")
    var files = try ReportFolder(folder.url, gnuplot: nil)
    let html = try files.draw(plot)
    #expect(html.contains("gnuplot is not installed"))
    _ = try files.draw(plot)
    #expect(files.warnings == [ReportFolder.missing])
    // A picture of an earlier report would show other data.
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.url.appending(path: "report").path).sorted()
        == ["loss.gp", "loss.tsv"])
  }

  @Test func aFailureIsAWarningAndStandsInThePage() throws {
    var files = try ReportFolder(folder.url, gnuplot: try makeProgram("echo '<oops>' >&2; exit 1"))
    let html = try files.draw(plot)
    #expect(html.contains("ended with status 1: &lt;oops&gt;"))
    #expect(files.warnings.count == 1 && files.warnings[0].hasPrefix("no picture loss:"))
  }

  @Test func aFolderThatCannotBeMadeIsAnError() throws {
    try folder.write([], to: "taken")
    #expect(throws: TrainingError.self) { try ReportFolder(folder.url.appending(path: "taken"), gnuplot: nil) }
  }
}
