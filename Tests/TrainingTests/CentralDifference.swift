/// How a loss changes where values move along a direction, measured by a step to either side; the values end where they were.
func centralDifference(
  of values: UnsafeMutableBufferPointer<Float>, along direction: [Float], step: Float, loss: () throws -> Double
) rethrows -> Double {
  let origin = Array(values)
  func move(_ share: Float) { for i in origin.indices { values[i] = origin[i] + share * direction[i] } }
  move(step)
  let above = try loss()
  move(-step)
  let below = try loss()
  move(0)
  return (above - below) / Double(2 * step)
}
