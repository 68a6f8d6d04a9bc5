// swift-tools-version: 6.2
import PackageDescription

// Tools for whoever works on ferd; nothing here is needed to build or use it.
let package = Package(
  name: "ferd-tools",
  dependencies: [
    .package(name: "ferd", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .executableTarget(
      name: "make-mean-faces",
      dependencies: [
        .product(name: "FerdModules", package: "ferd"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: [
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("ExistentialAny"),
        .treatAllWarnings(as: .error),
      ])
  ],
  swiftLanguageModes: [.v6]
)
