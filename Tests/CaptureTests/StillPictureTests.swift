import Capture
import Pixels
import Testing

struct StillPictureTests {
  @Test(arguments: [(1, 1), (17, 31), (48, 48), (640, 3)])
  func `a written picture reads back exactly`(width: Int, height: Int) throws {
    let folder = try TemporaryFolder()
    let picture = cornerPicture(width: width, height: height)
    let path = folder.path("100%d picture: one.png")
    try writePicture(picture, to: path)
    #expect(try readPicture(path) == picture)

    let source = try openSource(path)
    #expect(source.info.isStillPicture)
    #expect(source.info.width == width && source.info.height == height)
    let frames = try readAll(source)
    #expect(frames.map(\.image) == [picture])
    #expect(frames[0].nanoseconds == 0)
  }
}
