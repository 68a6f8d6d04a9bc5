import Capture
import Foundation
import Inference
import Pixels
import TestSupport
import Testing

/// Files of PyTorch on the command line.
struct StateDictTests {
  private let folder: TemporaryFolder
  private let options: [String]
  private let spec = Backbone.mobileNetV3Small.makeSpec(inputChannels: 3, imageSize: 32)

  init() throws {
    folder = try TemporaryFolder()
    let path = folder.path("weights.pth")
    try Data(PyTorchWriter.file(HashedValues.parameters(of: spec))).write(to: URL(fileURLWithPath: path))
    options = ["--model", path, "--backbone", "mobilenet_v3_small", "--image-size", "32", "--precision", "f32"]
  }

  @Test func predictTakesAStateDict() throws {
    var crop = LumaImage(width: 32, height: 32, filledWith: 0)
    for index in crop.pixels.indices { crop.pixels[index] = UInt8((index * 37 + index / 32 * 11) % 256) }
    let picture = folder.path("crop.png")
    try writePicture(crop, to: picture)
    let result = try FerdProcess.run(["predict", "--cropped", "--image", picture] + options)
    try #require(result.status == 0, "\(result.errors)")
    let face = try #require(try result.objects()[1]["faces"]?[0])

    let plan = try InferencePlan(
      spec: spec, weights: HashedValues.parameters(of: spec), batchSize: 1, precision: .f32, threads: 1)
    plan.withInput { input in
      for (channel, (mean, deviation)) in zip([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]).enumerated() {
        for index in 0..<1024 {
          input[channel * 1024 + index] = Float((Double(crop.pixels[index]) / 255 - mean) / deviation)
        }
      }
    }
    try plan.run()
    let exponentials = plan.withOutput(0) { $0.map { exp(Double($0)) } }
    for (label, value) in zip(ModelDeclaration.emotions, exponentials) {
      let expected = value / exponentials.reduce(0, +)
      let found = try #require(face["raw"]?[label]?.number)
      #expect(abs(found - expected) < 2e-4, "\(label): \(found) for \(expected)")
    }
  }

  @Test func evaluateAndTuneBiasTakeAStateDict() throws {
    for (label, name) in ModelDeclaration.emotions.enumerated() {
      for index in 0..<4 {
        let path = folder.path("data/\(name)/\(index).png")
        try FileManager.default.createDirectory(
          atPath: folder.path("data/\(name)"), withIntermediateDirectories: true)
        try writePicture(LumaImage(width: 32, height: 32, filledWith: UInt8(label * 30 + index)), to: path)
      }
    }
    let evaluation = try FerdProcess.run(["evaluate", "--data-dir", folder.path("data")] + options)
    try #require(evaluation.status == 0, "\(evaluation.errors)")
    #expect(try evaluation.objects()[0]["images"]?.integer == 28)
    let search = try FerdProcess.run(
      [
        "tune-bias", "--image-dir", folder.path("data"), "--output-dir", folder.path("bias"), "--trials", "20",
        "--method", "grid-search",
      ] + options)
    try #require(search.status == 0, "\(search.errors)")
    #expect(FileManager.default.fileExists(atPath: folder.path("bias/bias.json")))
  }

  @Test func labelsCanBeNamed() throws {
    let picture = folder.path("crop.png")
    try writePicture(LumaImage(width: 32, height: 32, filledWith: 90), to: picture)
    let result = try FerdProcess.run(
      ["predict", "--cropped", "--image", picture, "--labels", "g, f,e,d,c,b,a"] + options)
    try #require(result.status == 0, "\(result.errors)")
    let labels = try #require(try result.objects()[0]["labels"]?.array)
    #expect(labels.compactMap(\.string) == ["g", "f", "e", "d", "c", "b", "a"])
  }

  @Test func whatTheFileDoesNotSayIsAskedFor() throws {
    for (arguments, status, message) in [
      (["--model", folder.path("weights.pth")], 65, "its backbone must be named"),
      (options + ["--labels", "a,b"], 65, "2 labels for a network of 7 classes"),
      (options + ["--labels", "a,a"], 64, "--labels"),
      (["--model", folder.path("weights.pth"), "--backbone", "vgg"], 64, "mobilenet_v3_small"),
      (["--model", folder.path("weights.pth"), "--backbone", "resnet18"], 65, "not for resnet18"),
      (["--model", folder.path("no.pth"), "--backbone", "resnet18"], 66, "no such model"),
    ] as [([String], Int32, String)] {
      let result = try FerdProcess.run(["predict", "--cropped", "--image", "/nowhere.png"] + arguments)
      #expect(result.status == status && result.errors.contains(message), "\(result.status): \(result.errors)")
    }
  }
}
