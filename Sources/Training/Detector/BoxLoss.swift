import Pixels

/// How far a box is from the wanted one: EIoU (Zhang et al. 2021), with its gradient.
///
/// `1 − IoU + (Δcx² + Δcy²) / (Cw² + Ch²) + Δw² / Cw² + Δh² / Ch²`, where C is the smallest box around both. Unlike IoU
/// it tells where to go also for boxes that do not meet.
struct BoxLoss {
  /// 0 for equal boxes.
  let value: Float
  let overlap: Float
  /// Derivatives of `value` by centre x, centre y, width and height of the predicted box.
  let gradient: (x: Float, y: Float, width: Float, height: Float)

  init(predicted: Rect, wanted: Rect) {
    let horizontal = Side(
      low: predicted.x, high: predicted.maxX, wantedLow: wanted.x, wantedHigh: wanted.maxX)
    let vertical = Side(low: predicted.y, high: predicted.maxY, wantedLow: wanted.y, wantedHigh: wanted.maxY)

    let common = horizontal.common * vertical.common
    let union = predicted.width * predicted.height + wanted.width * wanted.height - common
    overlap = common / union
    // d(common/union) = (dcommon·(union + common) − common·darea) / union²
    let byCommon = (union + common) / (union * union)
    let byArea = -common / (union * union)

    let diagonal = horizontal.outer * horizontal.outer + vertical.outer * vertical.outer
    let distance = horizontal.offset * horizontal.offset + vertical.offset * vertical.offset
    let widthTerm = horizontal.growth * horizontal.growth / (horizontal.outer * horizontal.outer)
    let heightTerm = vertical.growth * vertical.growth / (vertical.outer * vertical.outer)
    value = 1 - overlap + distance / diagonal + widthTerm + heightTerm

    func derivatives(_ side: Side, _ other: Side, _ sizeTerm: Float) -> (centre: Float, size: Float) {
      let common = -byCommon * other.common
      let outer = -2 * distance * side.outer / (diagonal * diagonal) - 2 * sizeTerm / side.outer
      let centre = common * side.commonByCentre + outer * side.outerByCentre + 2 * side.offset / diagonal
      let size =
        common * side.commonBySize - byArea * other.length + outer * side.outerBySize
        + 2 * side.growth / (side.outer * side.outer)
      return (centre, size)
    }
    let x = derivatives(horizontal, vertical, widthTerm)
    let y = derivatives(vertical, horizontal, heightTerm)
    gradient = (x.centre, y.centre, x.size, y.size)
  }

  /// Both boxes along one axis, with derivatives by the predicted one's centre and size.
  private struct Side {
    var length: Float
    /// Length of the common part.
    var common: Float
    var commonByCentre: Float = 0
    var commonBySize: Float = 0
    /// Length of the smallest interval around both.
    var outer: Float
    var outerByCentre: Float = 0
    var outerBySize: Float = 0
    /// Predicted less wanted centre.
    var offset: Float
    /// Predicted less wanted size.
    var growth: Float

    init(low: Float, high: Float, wantedLow: Float, wantedHigh: Float) {
      length = high - low
      common = min(high, wantedHigh) - max(low, wantedLow)
      if common <= 0 {
        common = 0
      } else {
        if high < wantedHigh {
          commonByCentre += 1
          commonBySize += 0.5
        }
        if low > wantedLow {
          commonByCentre -= 1
          commonBySize += 0.5
        }
      }
      outer = max(high, wantedHigh) - min(low, wantedLow)
      if high > wantedHigh {
        outerByCentre += 1
        outerBySize += 0.5
      }
      if low < wantedLow {
        outerByCentre -= 1
        outerBySize += 0.5
      }
      offset = (low + high - wantedLow - wantedHigh) / 2
      growth = (high - low) - (wantedHigh - wantedLow)
    }
  }
}
