import ArgumentParser

@main
struct Ferd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ferd",
    abstract: "Finds faces in videos and pictures and tells their emotions, one JSON line per frame.",
    version: "0.1.0")
}
