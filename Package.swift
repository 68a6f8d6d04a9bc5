// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "ferd",
  products: [
    .executable(name: "ferd", targets: ["ferd"]),
    // For the package in Benchmarks/, which may use public declarations only.
    .library(name: "FerdModules", targets: ["Pixels", "Capture", "FaceCrop", "Inference", "Training", "Pipeline"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: [.defaults, "YAML"]),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // System libraries: a module map and macro shims, no logic.
    .systemLibrary(
      name: "CFFmpeg", providers: [.apt(["libavformat-dev", "libavcodec-dev", "libavutil-dev", "libswscale-dev"])]),
    .systemLibrary(name: "CDNNL", providers: [.apt(["libdnnl-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CV4L2", providers: [.apt(["libv4l-dev"])]),

    // Vector kernels that need function-level target attributes.
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),

    .target(name: "Threads", swiftSettings: swiftSettings),
    .target(name: "Pixels", dependencies: ["CKernels"], swiftSettings: swiftSettings),
    .target(
      name: "Capture", dependencies: ["Pixels", "Threads", "CFFmpeg", "CV4L2", "CKernels"],
      swiftSettings: swiftSettings),
    .target(
      name: "Inference", dependencies: ["Threads", "CDNNL", "CZlib", "CKernels"], swiftSettings: swiftSettings),
    .target(name: "FaceCrop", dependencies: ["Pixels", "Inference"], swiftSettings: swiftSettings),
    .target(
      name: "Training",
      dependencies: ["Pixels", "Capture", "Inference", "FaceCrop", "Threads", "CDNNL", "CKernels"],
      swiftSettings: swiftSettings),
    .target(
      name: "Pipeline",
      dependencies: [
        "Pixels", "Capture", "FaceCrop", "Inference", "Threads",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "ferd",
      dependencies: [
        "Pixels", "Capture", "FaceCrop", "Inference", "Threads", "Training", "Pipeline",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Configuration", package: "swift-configuration"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: swiftSettings),

    .target(
      name: "TestSupport", dependencies: ["Pixels", "Capture", "Inference"], path: "Tests/TestSupport",
      swiftSettings: swiftSettings),
    .testTarget(name: "PixelsTests", dependencies: ["Pixels", "TestSupport"], swiftSettings: swiftSettings),
    .testTarget(
      name: "CaptureTests", dependencies: ["Capture", "Pixels", "Threads", "CFFmpeg", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "InferenceTests", dependencies: ["Inference", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "FaceCropTests", dependencies: ["FaceCrop", "Pixels", "Inference", "Capture", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "TrainingTests",
      dependencies: ["Training", "Inference", "FaceCrop", "Pixels", "Capture", "Threads", "TestSupport"],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "PipelineTests",
      dependencies: [
        "Pipeline", "Capture", "FaceCrop", "Inference", "Pixels", "Threads", "TestSupport",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "FerdTests",
      dependencies: [
        "ferd", "Pipeline", "Capture", "FaceCrop", "Inference", "Pixels", "Threads", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: swiftSettings),
  ],
  swiftLanguageModes: [.v6]
)
