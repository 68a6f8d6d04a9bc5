public import ArgumentParser
import Foundation
public import Inference
import Training

extension Precision: @retroactive ExpressibleByArgument {}

/// Values from -1 to 1 that are the same in each run.
func fillWithNoise(_ values: UnsafeMutableBufferPointer<Float>, seed: UInt64) {
  var random = RandomGenerator(seed: seed)
  for index in values.indices { values[index] = random.uniform(-1, 1) }
}

func printToStandardError(_ line: String) {
  FileHandle.standardError.write(Data((line + "\n").utf8))
}

extension Precision {
  /// Those that this processor is fast at.
  static var worthwhile: [Precision] { fastest == .bf16 ? [.f32, .bf16] : [.f32] }
}
