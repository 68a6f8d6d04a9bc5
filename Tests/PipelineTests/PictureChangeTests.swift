import Pixels
import Testing

@testable import Pipeline

struct PictureChangeTests {
  private func picture(width: Int = 320, height: Int = 180, brightness: UInt8 = 60, square: Int? = nil) -> LumaImage
  {
    var image = LumaImage(width: width, height: height, filledWith: brightness)
    if let square {
      for y in square..<square + 20 {
        for x in square..<square + 20 { image.pixels[y * width + x] = brightness + 120 }
      }
    }
    return image
  }

  private func isNoticeable(_ change: inout PictureChange, _ image: LumaImage) -> Bool {
    image.withPlane { change.isNoticeable(in: $0) }
  }

  @Test func noticesWhatAppearsAndGoesAgainstThePictureThatWasLookedAt() {
    var change = PictureChange()
    #expect(isNoticeable(&change, picture()))
    change.look()
    #expect(!isNoticeable(&change, picture()))
    for square in [0, 37, 81, 150] { #expect(isNoticeable(&change, picture(square: square)), "\(square)") }
    change.look()
    #expect(!isNoticeable(&change, picture(square: 150)))
    #expect(isNoticeable(&change, picture()))
    change.reset()
    #expect(isNoticeable(&change, picture(square: 150)))
  }

  @Test func takesNoNoticeOfLightAndNoise() {
    var change = PictureChange()
    var generator = SystemRandomNumberGenerator()
    var noisy = picture()
    for index in noisy.pixels.indices { noisy.pixels[index] += UInt8.random(in: 0...30, using: &generator) }
    _ = isNoticeable(&change, picture())
    change.look()
    #expect(!isNoticeable(&change, picture(brightness: 130)))
    #expect(!isNoticeable(&change, noisy))
  }

  @Test(arguments: [(1, 1), (3, 500), (31, 17), (4096, 2)])
  func takesPicturesOfAnySize(width: Int, height: Int) {
    var change = PictureChange()
    _ = isNoticeable(&change, picture(width: width, height: height))
    change.look()
    #expect(!isNoticeable(&change, picture(width: width, height: height)))
  }

  @Test(
    arguments: [
      (nil, 1), (0, 1), (.nan, 1), (12, 1), (15, 1), (23.9, 1), (24_000.0 / 1_001, 2), (24, 2), (25, 2), (29.97, 2),
      (50, 4), (60, 4),
      (1000, 4), (-5, 1), (.infinity, 1),
    ] as [(Double?, Int)])
  func looksTwelveTimesASecond(frameRate: Double?, interval: Int) {
    #expect(TrackingFaceFinder.interval(frameRate: frameRate) == interval)
  }
}
