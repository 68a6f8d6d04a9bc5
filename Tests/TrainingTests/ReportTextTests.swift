import Testing

@testable import Training

struct ReportTextTests {
  @Test(
    arguments: [
      ("<b>&\"x'", "&lt;b&gt;&amp;&quot;x&#39;"),
      ("&lt;", "&amp;lt;"),
      ("a\nb\tc\u{0}\u{7F}", "a␊b␉c␀␡"),
      ("\u{202E}evil\u{2066}\u{85}\u{FFFE}", "\u{FFFD}evil\u{FFFD}\u{FFFD}\u{FFFD}"),
      ("größer 怒り 🙂", "größer 怒り 🙂"),
    ])
  func anythingCanStandInHTML(text: String, expected: String) {
    #expect(ReportText.html(text) == expected)
  }

  @Test(
    arguments: [
      ("a\tb\nc\rd", #"a\tb\nc\rd"#), (#"a\tb"#, #"a\\tb"#), ("\u{0}\u{1B}", #"\x00\x1B"#), ("\"q\" #", "\"q\" #"),
      ("", ""),
    ])
  func anythingCanStandInTabSeparatedValues(text: String, expected: String) {
    #expect(ReportText.tsv(text) == expected)
  }

  @Test(
    arguments: [
      ("plain 1", "\"plain 1\""), ("a_b", "\"a_b\""), ("\"", #""\042""#), ("'", #""\047""#),
      ("`id`", #""\140id\140""#),
      (#"\n"#, #""\134n""#), ("@x $y", #""\100x \044y""#), ("ü", #""\303\274""#), ("a\nb", #""a\342\220\212b""#),
      ("50%", #""50\045""#), ("*21", #""\052\062\061""#),
    ])
  func anythingCanStandInAGnuplotScript(text: String, expected: String) {
    #expect(ReportText.gnuplot(text) == expected)
  }

  @Test func percentSignsOfTicksAreDoubled() {
    #expect(ReportText.gnuplotTick("%d") == #""\045\045d""#)
  }

  @Test func bytesOfPathsAreKept() {
    #expect(ReportText.gnuplot(path: "a\n") == #""a\012""#)
  }

  @Test func commandsCanBeTypedAgain() {
    #expect(
      ReportText.shell(["ferd", "--a=b", "", "my data", "it's", "$HOME;", "~", "a\nb"])
        == #"ferd --a=b '' 'my data' 'it'\''s' '$HOME;' '~' 'a"# + "\nb'")
  }

  @Test func durationsHaveUnits() {
    #expect(
      [0.25, 59.4, 61, 3599, 3600, 90_061].map(ReportText.duration) == [
        "0.2 s", "59.4 s", "1 min 01 s", "59 min 59 s", "1 h 00 min", "25 h 01 min",
      ])
    #expect(ReportText.duration(.nan) == "–" && ReportText.number(.infinity, 1) == "–")
  }

  @Test func aTableHasAHeadingAndKeepsNumbersExact() {
    let table = DataTable(
      columns: ["epoch", "a\tb"],
      rows: [[.number(1), .number(0.1)], [.number(2), .number(nil)], [.number(.infinity), .text("x\ny")]])
    #expect(table.text == "epoch\ta\\tb\n1\t0.1\n2\tNaN\nNaN\tx\\ny\n")
  }

  @Test func coloursBelongToTheEmotionNotToItsPlace() {
    let usual = ReportPalette.colours(for: ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"])
    #expect(Set(usual).count == 7)
    #expect(ReportPalette.colours(for: ["Neutral", "happiness", "anger"]) == [usual[6], usual[3], usual[0]])
    #expect(ReportPalette.colours(for: ["cat", "angry"]) == [usual[0], usual[1]])
    #expect(ReportPalette.colours(for: (0..<20).map { "\($0)" }).count == 20)
  }
}
