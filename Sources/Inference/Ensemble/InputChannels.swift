/// How the one plane of a grey picture becomes the input of a network: each channel gets it, normalised its way.
public struct InputChannels: Equatable, Sendable {
  /// What brings the plane to a channel's own normalisation.
  private struct Map: Equatable {
    var scale: Float
    var offset: Float

    static let none = Map(scale: 1, offset: 0)
  }

  private let maps: [Map]

  public var count: Int { maps.count }

  /// - Parameter count: Channels of the network.
  public init(_ record: ModelRecord, count: Int) {
    precondition(count > 0, "a network with \(count) input channels")
    guard let means = record.channelMeans, let deviations = record.channelStandardDeviations, means.count == count,
      deviations.count == count
    else {
      maps = [Map](repeating: .none, count: count)
      return
    }
    // x normalised with the common mean and deviation, times the scale plus the offset, is x normalised with the channel's.
    maps = zip(means, deviations).map { mean, deviation in
      Map(scale: record.inputStandardDeviation / deviation, offset: (record.inputMean - mean) / deviation)
    }
  }

  /// Makes all channels of the first one.
  ///
  /// - Parameter input: `[count, height, width]`; its first plane is the picture, normalised with the record's `inputMean` and
  ///   `inputStandardDeviation`.
  public func spread(_ input: UnsafeMutableBufferPointer<Float>) {
    guard let plane = input.baseAddress else { return }
    let size = input.count / count
    // The first channel comes last: the others are made of it.
    for (channel, map) in maps.enumerated().reversed() {
      let target = plane + channel * size
      if map != .none {
        for index in 0..<size { target[index] = plane[index] * map.scale + map.offset }
      } else if channel > 0 {
        target.update(from: plane, count: size)
      }
    }
  }
}
