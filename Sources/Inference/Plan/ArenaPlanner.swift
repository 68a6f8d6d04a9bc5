/// Gives values that are alive at different times the same memory.
struct ArenaPlanner {
  /// A value's size in bytes and the first and last step at which it must exist.
  struct Interval {
    var byteCount: Int
    var first: Int
    var last: Int
  }

  /// Offsets in bytes, and how large the arena has to be. Each offset starts a cache line.
  ///
  /// Greedy by size (Pisarchyk and Lee, arXiv 2001.03288): the largest first, each at the lowest place that is free for
  /// as long as it lives.
  static func plan(_ intervals: [Interval]) -> (offsets: [Int], byteCount: Int) {
    var offsets = [Int](repeating: 0, count: intervals.count)
    var placed: [(begin: Int, end: Int, first: Int, last: Int)] = []
    var total = 0
    let order = intervals.indices.sorted {
      (intervals[$0].byteCount, $1) > (intervals[$1].byteCount, $0)
    }
    for index in order {
      let interval = intervals[index]
      let size = aligned(interval.byteCount)
      var offset = 0
      for other in placed where other.first <= interval.last && interval.first <= other.last {
        if other.begin >= offset + size { break }
        offset = max(offset, other.end)
      }
      offsets[index] = offset
      total = max(total, offset + size)
      let place = placed.firstIndex { $0.begin > offset } ?? placed.count
      placed.insert((offset, offset + size, interval.first, interval.last), at: place)
    }
    return (offsets, total)
  }

  /// Up to whole cache lines.
  static func aligned(_ byteCount: Int) -> Int { (byteCount + 63) / 64 * 64 }
}
