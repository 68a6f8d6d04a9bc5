/// Decides which frames of a live source are worked on when there is no time for all: evenly spread ones.
///
/// The mailbox between capture and computing would do without it: who is late finds the newest frame there. But looks at
/// the whole picture take longer than those at parts, so frames would go missing in bunches behind them.
struct FrameSkipper: Equatable {
  /// Share of the frames that are kept.
  private(set) var share = 1.0
  private var credit = 0.0

  /// Whether the next frame of the source is kept.
  mutating func keepsNext() -> Bool {
    credit += share
    guard credit >= 1 - 1e-9 else { return false }
    credit -= 1
    return true
  }

  /// - Parameters:
  ///   - possibleShare: how many of the frames there seems to be time for.
  ///   - wasLate: whether a frame was lost because nobody took it in time. Only then frames are left out on purpose:
  ///     an estimate alone is no reason.
  mutating func update(possibleShare: Double, wasLate: Bool) {
    guard wasLate || share < 1 else { return }
    share = min(1, max(0.001, possibleShare))
    if share == 1 { credit = 0 }
  }
}
