import Foundation
import Pipeline
import Testing

@testable import ferd

struct LineFileTests {
  private let folder: TemporaryFolder
  private var path: String { folder.path("lines") }
  private static let line = #"{"v":1,"type":"frame","seq":1}"# + "\n"

  init() throws { folder = try TemporaryFolder() }

  private func put(_ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }

  private func write(_ line: String, to file: LineFile) throws {
    var buffer = LineBuffer()
    buffer.append(bytes: Array(line.utf8))
    try DescriptorSink(descriptor: file.descriptor, destination: file.path).write(buffer)
  }

  private var content: String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

  @Test func appendsToWhatIsThere() throws {
    for _ in 0..<2 {
      let file = try LineFile(path: path)
      try write(Self.line, to: file)
      try file.finish()
    }
    #expect(content == Self.line + Self.line)
  }

  @Test(arguments: ["", line, "something else\n"])
  func cutsOffTheLineInWhichAnEarlierRunWasKilled(before: String) throws {
    for length in 1..<Self.line.utf8.count {
      try put(before + String(Self.line.prefix(length)))
      try write(Self.line, to: LineFile(path: path))
      #expect(content == before + Self.line, "\(length)")
    }
  }

  @Test(arguments: ["no line", line + "no line", #"{"v":1,"typo":"#])
  func leavesForeignFilesAlone(text: String) throws {
    try put(text)
    #expect(throws: OutputError.self) { try LineFile(path: path) }
    #expect(content == text)
  }

  @Test func goesOnInANewFileAfterTheOldOneWasMoved() throws {
    let file = try LineFile(path: path)
    try write(Self.line, to: file)
    #expect(try !file.reopen(firstLine: nil))
    try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
    #expect(try file.reopen(firstLine: Array("1\n".utf8)))
    try write("2\n", to: file)
    #expect(content == "1\n2\n")
    #expect(try String(contentsOfFile: path + ".1", encoding: .utf8) == Self.line)
  }

  @Test func saysWhyItCannotBeOpened() throws {
    #expect(throws: OutputError.failed(destination: folder.path(""), "cannot open: Is a directory")) {
      try LineFile(path: folder.path(""))
    }
    #expect(throws: OutputError.failed(destination: "/dev/full", "No space left on device")) {
      try write(Self.line, to: LineFile(path: "/dev/full"))
    }
  }
}
