import Foundation
import Inference
import Training

/// A text file with one relative path a line; empty lines are passed over.
enum ExclusionList {
  static func read(_ path: String) throws -> Set<String> {
    let bytes = try FileAccess.read(path, limit: 1 << 26, acceptsPipes: true) {
      CommandFailure(.noSuchInput, "\(path): list of pictures: \($0)")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CommandFailure(.unreadable, "\(path): expected a text file with one relative path a line")
    }
    return Set(text.drop { $0 == "\u{FEFF}" }.split(whereSeparator: \.isNewline).map(String.init))
  }

  /// Warns about paths that leave nothing out: most often they are relative to another folder.
  ///
  /// - Parameter kind: Of the pictures, for the message.
  static func warnAboutStrays(_ excluded: Set<String>, among files: [PictureFile], kind: String) {
    let strays = excluded.subtracting(files.map(\.path))
    guard let first = strays.min() else { return }
    Diagnostics.warning(
      "--exclude: \(strays.count) of \(ReportText.count(excluded.count, "path")) \(strays.count == 1 ? "names" : "name") "
        + "no \(kind); the first is \"\(first)\"")
  }
}
