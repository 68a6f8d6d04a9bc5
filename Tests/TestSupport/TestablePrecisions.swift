public import Inference

extension Precision {
  /// bf16 is emulated from AVX-512 on and absent below.
  public static var testable: [Precision] { allCases.filter(\.isSupported) }
}
