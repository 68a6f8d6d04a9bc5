import Synchronization

/// A whole number that any thread adds to.
final class AtomicInteger: Sendable {
  private let storage: Atomic<Int64>

  init(_ value: Int64 = 0) { storage = Atomic(value) }

  var value: Int64 { storage.load(ordering: .relaxed) }

  func set(_ value: Int64) { storage.store(value, ordering: .relaxed) }

  /// Wraps around instead of trapping: a wrong figure is better than a program that ends.
  func add(_ amount: Int64) { storage.wrappingAdd(amount, ordering: .relaxed) }
}

/// A number that any thread sets or adds to.
final class AtomicDouble: Sendable {
  private let bits = Atomic<UInt64>(0)

  var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

  func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

  func add(_ amount: Double) {
    var old = bits.load(ordering: .relaxed)
    while true {
      let sum = Double(bitPattern: old) + amount
      let (exchanged, original) = bits.weakCompareExchange(
        expected: old, desired: sum.bitPattern, ordering: .relaxed)
      if exchanged { return }
      old = original
    }
  }
}
