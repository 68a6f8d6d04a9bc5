/// Turns gradients into changes of the parameters.
public protocol Optimiser: AnyObject {
  /// Applies `store.gradients` once.
  func step(learningRate: Float)
  /// Buffers by name that a checkpoint must keep, each of the length of the store's `values`.
  var state: [(name: String, values: UnsafeMutableBufferPointer<Float>)] { get }
  /// Steps taken so far; a resumed run sets it.
  var stepCount: Int { get set }
}

/// A part of the parameters that is treated alike.
struct ParameterRun {
  /// In values.
  let range: Range<Int>
  let decays: Bool
  let rateFactor: Float

  /// Neighbouring slots of the same treatment together, so that kernels run over long stretches.
  static func runs(_ store: ParameterStore, rateFactor: (ParameterStore.Slot) -> Float) -> [ParameterRun] {
    let trainable = store.slots.filter(\.isTrainable)
    var runs: [ParameterRun] = []
    for slot in trainable {
      let factor = rateFactor(slot)
      let end = slot.offset + slot.count
      if let last = runs.last, last.decays == slot.decays, last.rateFactor == factor {
        runs[runs.count - 1] = ParameterRun(
          range: last.range.lowerBound..<end, decays: slot.decays, rateFactor: factor)
      } else {
        runs.append(ParameterRun(range: slot.offset..<end, decays: slot.decays, rateFactor: factor))
      }
    }
    return runs
  }
}
