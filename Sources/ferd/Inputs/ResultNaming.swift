import Foundation

/// Names of result files below the `--output` folder.
///
/// An input's own name with the format's ending (`clip.mp4.jsonl`). What comes from a folder keeps its path inside it.
/// Where several inputs would get the same name, they keep their own folders as far up as is needed to tell them apart.
enum ResultNaming {
  /// One path below the folder for each input, in the same order; unique, but for inputs given twice.
  static func names(for inputs: [AnnotationInput], ending: String) -> [String] {
    let full = inputs.map(components)
    var lengths = inputs.map { max(1, $0.relativeToFolder?.components.count ?? 1) }
    func candidate(_ index: Int) -> [String] { Array(full[index].suffix(lengths[index])) }
    while true {
      let groups = Dictionary(grouping: inputs.indices, by: candidate)
      var hasChanged = false
      for group in groups.values where Set(group.map { full[$0] }).count > 1 {
        for index in group where lengths[index] < full[index].count {
          lengths[index] += 1
          hasChanged = true
        }
      }
      if !hasChanged { break }
    }
    return inputs.indices.map { candidate($0).joined(separator: "/") + "." + ending }
  }

  /// The parts of an input's name, as safe names of folders and files.
  private static func components(of input: AnnotationInput) -> [String] {
    if input.isStandardInput { return ["stdin"] }
    if input.isURL {
      // Without scheme, query and fragment.
      let address = input.displayName.split(separator: "://", maxSplits: 1).last ?? ""
      let path = address.prefix { $0 != "?" && $0 != "#" }
      let parts = path.split(separator: "/").map(String.init).filter { $0 != "." && $0 != ".." }
      return parts.isEmpty ? ["stream"] : parts
    }
    let absolute = URL(fileURLWithPath: input.path.fileName).standardizedFileURL.path
    let parts = absolute.split(separator: "/").map(String.init)
    return parts.isEmpty ? ["input"] : parts
  }
}
