/// Number format of activations and weights inside a network; sums are always f32.
public enum Precision: String, Codable, CaseIterable, Sendable {
  case f32
  case bf16
}
