// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "ferd-benchmarks",
  dependencies: [
    .package(name: "ferd", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .executableTarget(
      name: "ferd-bench",
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
