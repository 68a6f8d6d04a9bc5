/// How a camera is opened.
public struct CameraOptions: Sendable {
  /// Width and height in pixels.
  public struct Size: Sendable, Equatable, CustomStringConvertible {
    public var width: Int
    public var height: Int

    public init(width: Int, height: Int) {
      self.width = width
      self.height = height
    }

    /// From `640x480`; nil for anything else, and for sizes beyond 16,384.
    public init?(_ text: String) {
      let parts = text.lowercased().split(separator: "x", omittingEmptySubsequences: false)
      guard parts.count == 2, let width = Int(parts[0]), let height = Int(parts[1]), 1...16384 ~= width,
        1...16384 ~= height
      else { return nil }
      self.init(width: width, height: height)
    }

    public var description: String { "\(width)x\(height)" }
  }

  /// nil: the size that suits the detector best.
  public var size: Size?
  /// Frames per second; the camera takes the next one above that it has, or its fastest. nil: 30.
  public var rate: Double?
  /// nil: the cheapest to read.
  public var format: FourCC?
  /// Seconds (of at least five frames) without a usable picture after which the camera counts as gone.
  public var silenceSeconds: Double
  /// Ends opening and reading early.
  public var cancellation: CaptureCancellation

  public init(
    size: Size? = nil, rate: Double? = nil, format: FourCC? = nil, silenceSeconds: Double = 5,
    cancellation: CaptureCancellation = CaptureCancellation()
  ) {
    self.size = size
    self.rate = rate
    self.format = format
    self.silenceSeconds = silenceSeconds
    self.cancellation = cancellation
  }
}
