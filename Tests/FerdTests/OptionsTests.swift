import ArgumentParser
import Foundation
import Testing

@testable import ferd

struct ArgumentSpellingTests {
  @Test(arguments: [
    ("--data_dir", "--data-dir"), ("--data_dir=a_b", "--data-dir=a_b"), ("a_b", "a_b"), ("-a_b", "-a_b"),
    ("--", "--"), ("--angry_bias", "--angry-bias"),
  ])
  func takesUnderscoresInNamesOfOptionsOnly(given: String, expected: String) {
    #expect(ArgumentSpelling.normalised([given]) == [expected])
  }

  @Test func leavesEverythingBehindTheTerminatorAlone() {
    #expect(ArgumentSpelling.normalised(["--a_b", "--", "--c_d"]) == ["--a-b", "--", "--c_d"])
    #expect(ArgumentSpelling.normalised(["--", "--backbones"]) == ["--", "--backbones"])
  }

  @Test func aLoneListOfBackbonesIsTheUsualPair() {
    let pair = ["--backbones", "efficientnet_b0", "resnet18"]
    #expect(ArgumentSpelling.normalised(["train", "--backbones"]) == ["train"] + pair)
    #expect(ArgumentSpelling.normalised(["--backbones", "--epochs", "1"]) == pair + ["--epochs", "1"])
    let named = ["--backbones", "fer48", "resnet18"]
    #expect(ArgumentSpelling.normalised(named) == named)
  }
}

struct DiagnosticsTests {
  @Test func keepsMessagesToOneLineWithoutControlCharacters() {
    #expect(Diagnostics.printable("a\nb\r\u{1B}[31m\t\u{85}\u{7F}ü €😀") == "a?b??[31m???ü €😀")
  }
}

struct BiasOptionsTests {
  private let labels = ["angry", "happy", "neutral"]

  @Test func leavesTheEnsemblesOwnFactorsWithoutAnOption() throws {
    #expect(try BiasOptions.parse([]).correction(labels: labels) == nil)
  }

  @Test(arguments: [
    (["--bias", "angry=4.5,neutral=2.8"], [4.5, 1, 2.8]), (["--angry-bias", "2"], [2, 1, 1]),
    (["--bias", "angry=4.5", "--angry-bias", "2"], [2, 1, 1]), (["--bias", "none"], [1, 1, 1]),
    (["--bias", " angry = 3 , happy=0.5"], [3, 0.5, 1]),
  ])
  func replacesThemAsAWhole(arguments: [String], expected: [Float]) throws {
    let correction = try #require(try BiasOptions.parse(arguments).correction(labels: labels))
    #expect(correction.factors == expected)
  }

  @Test(arguments: [
    ["--bias", "angry=0"], ["--bias", "angry=-1"], ["--bias", "angry=nan"], ["--bias", "angry=inf"],
    ["--bias", "angry=1,angry=2"], ["--bias", "angry=1,"], ["--bias", "=2"], ["--bias", "angry=x"],
    ["--happy-bias", "0"], ["--happy-bias", "x"],
  ])
  func refusesWhatIsNoFactor(arguments: [String]) {
    #expect(throws: (any Error).self) { try BiasOptions.parse(arguments) }
  }

  @Test func refusesAClassThatTheModelDoesNotKnow() throws {
    #expect { try BiasOptions.parse(["--bias", "glad=2"]).correction(labels: labels) } throws: {
      ($0 as? CommandFailure)?.status == .wrongUsage
    }
  }

  @Test func readsABiasFile() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "bias-\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(#"{"v":1,"factors":{"angry":1.5},"recommended":true}"#.utf8).write(to: file)
    let factors = try BiasOptions.parse(["--bias", file.path]).correction(labels: labels)?.factors
    #expect(factors == [1.5, 1, 1])
    for damaged in ["", "{}", #"{"factors":{"angry":-1}}"#, #"{"factors":{"angry":"much"}}"#] {
      try Data(damaged.utf8).write(to: file)
      #expect { try BiasOptions.parse(["--bias", file.path]).correction(labels: labels) } throws: {
        CommandFailure(wrapping: $0)?.status == .unreadable
      }
    }
  }

  @Test func reportsAMissingBiasFile() throws {
    #expect { try BiasOptions.parse(["--bias", "/nowhere/bias.json"]).correction(labels: labels) } throws: {
      ($0 as? CommandFailure)?.status == .noSuchInput
    }
  }
}

struct ModelLocatorTests {
  private func withTree(_ body: (URL) throws -> Void) throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "locator-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    try FileManager.default.createDirectory(at: root.appending(path: "a/b/bin"), withIntermediateDirectories: true)
    try body(root.standardizedFileURL)
  }

  @Test func findsTheModelsAboveTheExecutableAndTheNearestFirst() throws {
    try withTree { root in
      let locator = ModelLocator(environment: [:], executable: root.appending(path: "a/b/bin/ferd").path)
      #expect(locator.bundled("m") == nil)
      for folder in ["a/models", "a/b/models"] {
        let folder = root.appending(path: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data().write(to: folder.appending(path: "m"))
        #expect(locator.bundled("m") == folder.appending(path: "m").path)
      }
    }
  }

  @Test func findsTheModelsOfAnInstallation() throws {
    try withTree { root in
      let folder = root.appending(path: "a/b/share/ferd/models")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try Data().write(to: folder.appending(path: "m"))
      let locator = ModelLocator(environment: [:], executable: root.appending(path: "a/b/bin/ferd").path)
      #expect(locator.bundled("m") == folder.appending(path: "m").path)
    }
  }

  @Test func prefersTheOptionThenTheEnvironment() throws {
    try withTree { root in
      let given = root.appending(path: "given").path
      let set = root.appending(path: "set").path
      for file in [given, set] { try Data().write(to: URL(fileURLWithPath: file)) }
      let locator = ModelLocator(environment: ["V": set], executable: root.appending(path: "ferd").path)
      func path(_ name: String?, variable: String = "V") throws -> String {
        try locator.path(given: name, variable: variable, bundledName: "none", what: "model", option: "--model")
      }
      #expect(try path(given) == given)
      #expect(try path(nil) == set)
      for missing in [(given + "x", "V"), (nil, "W")] {
        #expect { try path(missing.0, variable: missing.1) } throws: {
          ($0 as? CommandFailure)?.status == .noSuchInput
        }
      }
    }
  }
}
