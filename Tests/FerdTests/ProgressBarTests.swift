import Testing

@testable import ferd

struct ProgressBarTests {
  private func text(_ done: Int, of total: Int?, seconds: Double, width: Int = 79, name: String = "clip.mp4")
    -> String
  {
    ProgressBar.State(name: name, done: done, total: total, elapsedSeconds: seconds).text(width: width)
  }

  @Test func showsRateAndTimeLeft() {
    #expect(text(500, of: 2000, seconds: 2).hasSuffix(" 25% 500/2000  250/s  0:06 left"))
    #expect(text(500, of: 2000, seconds: 2).contains("[#######-----"))
    #expect(text(10, of: 100_000, seconds: 10).hasSuffix("1.0/s  27:46:30 left"))
  }

  @Test func showsTheRateAloneWhereNobodyKnowsTheEnd() {
    #expect(text(500, of: nil, seconds: 2) == "clip.mp4  500 frames  250/s")
  }

  @Test func neverShowsMoreThanEverything() {
    #expect(text(2100, of: 2000, seconds: 2).contains("100% 2100/2000  1050/s  0:00 left"))
  }

  @Test(arguments: [0, 5, 20, 40, 79, 200])
  func fitsTheTerminal(width: Int) {
    for (total, name) in [(2000, "clip.mp4"), (nil, String(repeating: "long/", count: 50)), (1, "")] {
      let shown = text(3, of: total, seconds: 0, width: width, name: name)
      #expect(shown.count <= width, "\(shown)")
    }
  }
}

struct ResultNamingTests {
  private func names(_ paths: [String]) -> [String] {
    ResultNaming.names(for: paths.map { AnnotationInput(path: RawPath($0)) }, ending: "jsonl")
  }

  @Test func takesTheInputsOwnName() {
    #expect(names(["/a/clip.mp4", "b/other.png"]) == ["clip.mp4.jsonl", "other.png.jsonl"])
    #expect(names(["-"]) == ["stdin.jsonl"])
    #expect(names(["http://host/path/clip.mp4?token=1#x", "rtsp://host"]) == ["clip.mp4.jsonl", "host.jsonl"])
  }

  @Test func keepsAsManyFoldersAsAreNeeded() {
    #expect(names(["/x/a/clip.mp4", "/x/b/clip.mp4"]) == ["a/clip.mp4.jsonl", "b/clip.mp4.jsonl"])
    #expect(
      names(["/1/a/c.mp4", "/2/a/c.mp4", "/2/d.mp4"]) == ["1/a/c.mp4.jsonl", "2/a/c.mp4.jsonl", "d.mp4.jsonl"])
    #expect(names(["/c.mp4", "/b/c.mp4"]) == ["c.mp4.jsonl", "b/c.mp4.jsonl"])
    // The same input twice has the same results.
    #expect(names(["/a/c.mp4", "/a/../a/c.mp4"]) == ["c.mp4.jsonl", "c.mp4.jsonl"])
  }

  @Test func staysBelowTheFolder() {
    #expect(names(["../../etc/passwd", "http://host/../../x"]) == ["passwd.jsonl", "x.jsonl"])
  }
}
