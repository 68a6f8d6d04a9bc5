/// What a camera tells about itself.
public struct CameraDescription: Sendable, Equatable {
  /// The node below `/dev`.
  public var path: String
  /// Other names of the node, which stay the same when it gets another number.
  public var links: [String]
  /// As the maker or the driver calls it.
  public var name: String
  public var driver: String
  /// Where it is plugged in.
  public var bus: String
  public var formats: [CameraFormat]

  public init(
    path: String, links: [String] = [], name: String, driver: String, bus: String, formats: [CameraFormat]
  ) {
    self.path = path
    self.links = links
    self.name = name
    self.driver = driver
    self.bus = bus
    self.formats = formats
  }
}

/// One pixel format of a camera.
public struct CameraFormat: Sendable, Equatable {
  public var code: FourCC
  /// As the driver describes it.
  public var description: String
  /// How ferd reads it; nil where it cannot.
  public var reading: CameraReading? { code.reading }
  /// Empty where the driver does not tell.
  public var sizes: [CameraSizes]

  public init(code: FourCC, description: String, sizes: [CameraSizes]) {
    self.code = code
    self.description = description
    self.sizes = sizes
  }
}

/// One size of pictures, or all sizes on a grid.
public struct CameraSizes: Sendable, Equatable {
  /// From `smallest` in steps up to `largest`, in pixels.
  public struct Steps: Sendable, Equatable {
    public var smallest: Int
    public var largest: Int
    public var step: Int

    public init(smallest: Int, largest: Int, step: Int) {
      self.smallest = max(1, smallest)
      self.largest = max(self.smallest, largest)
      self.step = max(1, step)
    }

    func contains(_ value: Int) -> Bool {
      smallest...largest ~= value && (value - smallest) % step == 0
    }

    /// The one of these that is nearest to `value`.
    func nearest(to value: Int) -> Int {
      let clamped = max(smallest, min(largest, value))
      let steps = (clamped - smallest + step / 2) / step
      return min(smallest + steps * step, smallest + (largest - smallest) / step * step)
    }
  }

  public var widths: Steps
  public var heights: Steps
  /// Empty where the driver does not tell.
  public var rates: [CameraRates]

  public init(widths: Steps, heights: Steps, rates: [CameraRates]) {
    self.widths = widths
    self.heights = heights
    self.rates = rates
  }

  public init(width: Int, height: Int, rates: [CameraRates]) {
    self.init(
      widths: Steps(smallest: width, largest: width, step: 1),
      heights: Steps(smallest: height, largest: height, step: 1), rates: rates)
  }

  public var isOneSize: Bool { widths.smallest == widths.largest && heights.smallest == heights.largest }
}

extension CameraSizes: CustomStringConvertible {
  /// `640x480`, or `32x32 to 1920x1080`.
  public var description: String {
    let smallest = "\(widths.smallest)x\(heights.smallest)"
    return isOneSize ? smallest : "\(smallest) to \(widths.largest)x\(heights.largest)"
  }
}

/// The time from one frame to the next, as V4L2 has it: a fraction of seconds.
public struct FrameInterval: Sendable, Equatable {
  public var numerator: Int
  public var denominator: Int

  /// nil where this is no time above 0.
  public init?(numerator: Int, denominator: Int) {
    guard numerator > 0, denominator > 0 else { return nil }
    self.numerator = numerator
    self.denominator = denominator
  }

  /// - Parameter rate: frames per second.
  public init?(rate: Double) {
    guard rate.isFinite, rate > 0 else { return nil }
    let isWhole = rate == rate.rounded() && rate < 1e6
    self.init(numerator: isWhole ? 1 : 1000, denominator: Int(min(1e9, (rate * (isWhole ? 1 : 1000)).rounded())))
  }

  /// Frames per second.
  public var rate: Double { Double(denominator) / Double(numerator) }
}

/// One frame rate, or all between two.
public struct CameraRates: Sendable, Equatable {
  public var slowest: FrameInterval
  public var fastest: FrameInterval

  public init(slowest: FrameInterval, fastest: FrameInterval) {
    self.slowest = slowest
    self.fastest = fastest
  }

  public init(_ interval: FrameInterval) { self.init(slowest: interval, fastest: interval) }

  public var isOneRate: Bool { slowest == fastest }
}
