import Glibc

/// What a camera is asked to send.
struct CameraMode: Equatable, Sendable {
  var format: FourCC
  var reading: CameraReading
  var width: Int
  var height: Int
  /// nil: whatever the camera does.
  var interval: FrameInterval?
}

extension CameraMode {
  /// The detector works on pictures of 480 samples; some more are good for the crops of small faces.
  static let usualLongerSide = 640
  static let usualRate = 30.0

  /// Chooses among what a camera offers.
  ///
  /// What the options name is kept to. For the rest, each halving below the usual size costs as much as three doublings
  /// above it or a rate that is four times too slow, and the way of reading decides between equals: so 640×480 as
  /// YUYV at 30 frames/s wins over the same as MJPEG, which wins over YUYV at 15.
  ///
  /// - Parameter current: what to ask for where the driver tells no sizes.
  /// - Throws: `unreadable`, with what there is to choose from.
  static func choose(
    from formats: [CameraFormat], options: CameraOptions, current: CameraOptions.Size, name: String
  ) throws(CaptureError) -> CameraMode {
    let readable = formats.filter { $0.reading != nil && (options.format == nil || $0.code == options.format) }
    guard !readable.isEmpty else { throw noFormat(of: formats, options: options, name: name) }
    var best: (mode: CameraMode, cost: Double)?
    for format in readable {
      for (size, rates) in candidates(of: format, options: options, current: current) {
        let mode = CameraMode(
          format: format.code, reading: format.reading!, width: size.width, height: size.height,
          interval: interval(among: rates, rate: options.rate ?? usualRate))
        let cost = mode.cost(rate: options.rate ?? usualRate)
        if best.map({ cost < $0.cost }) ?? true { best = (mode, cost) }
      }
    }
    guard let best else {
      let sizes = readable.flatMap(\.sizes).map(\.description).reduce(into: [String]()) { list, size in
        if !list.contains(size) { list.append(size) }
      }
      throw CaptureError(
        .unreadable, input: name,
        "expected a size that the camera offers (\(sizes.joined(separator: ", "))), not \(options.size!)")
    }
    return best.mode
  }

  /// The slowest rate that is not below the wanted one, otherwise the fastest; nil where none is known.
  static func interval(among rates: [CameraRates], rate wanted: Double) -> FrameInterval? {
    // 30 frames/s in name are often 29.97.
    let enough = wanted * 0.98
    var best: FrameInterval?
    for range in rates {
      var interval = range.fastest
      if range.fastest.rate >= enough {
        interval = range.slowest.rate >= enough ? range.slowest : FrameInterval(rate: wanted) ?? range.fastest
        if interval.rate > range.fastest.rate { interval = range.fastest }
      }
      guard let old = best else {
        best = interval
        continue
      }
      let isBetter =
        old.rate >= enough ? interval.rate >= enough && interval.rate < old.rate : interval.rate > old.rate
      if isBetter { best = interval }
    }
    return best
  }

  private static func candidates(
    of format: CameraFormat, options: CameraOptions, current: CameraOptions.Size
  ) -> [(size: CameraOptions.Size, rates: [CameraRates])] {
    guard !format.sizes.isEmpty else { return [(options.size ?? current, [])] }
    return format.sizes.compactMap { sizes in
      if let wanted = options.size {
        guard sizes.widths.contains(wanted.width), sizes.heights.contains(wanted.height) else { return nil }
        return (wanted, sizes.rates)
      }
      let width = sizes.widths.nearest(to: usualLongerSide)
      return (
        CameraOptions.Size(width: width, height: sizes.heights.nearest(to: width * 3 / 4)), sizes.rates
      )
    }
  }

  private func cost(rate wanted: Double) -> Double {
    let doublings = log2(Double(max(width, height)) / Double(CameraMode.usualLongerSide))
    let slowness = interval.map { max(0, log2(wanted * 0.98 / $0.rate)) } ?? 0
    let work =
      switch reading {
      case .direct: 0.0
      case .gathered: 0.02
      case .decoded: 0.1
      case .converted: 0.3
      }
    // Of sizes that are equally long, the one with fewer pixels; of formats that are equally cheap, grey.
    let area = Double(width * height) * 1e-12 + (format.isGrey ? 0 : 1e-9)
    return (doublings < 0 ? -3 * doublings : doublings) + 1.5 * slowness + work + area
  }

  private static func noFormat(of formats: [CameraFormat], options: CameraOptions, name: String) -> CaptureError {
    let offered = formats.map(\.code.description).joined(separator: ", ")
    if formats.isEmpty { return CaptureError(.unreadable, input: name, "the camera offers no pixel format") }
    if let wanted = options.format {
      let isOffered = formats.contains { $0.code == wanted }
      return CaptureError(
        .unreadable, input: name,
        isOffered
          ? "pictures in \(wanted) cannot be read; the camera offers \(offered)"
          : "expected a format that the camera offers (\(offered)), not \(wanted)")
    }
    return CaptureError(.unreadable, input: name, "none of the camera's formats (\(offered)) can be read")
  }
}
