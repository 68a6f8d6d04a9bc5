public import ArgumentParser
public import Pipeline

extension OutputFormat: ExpressibleByArgument {}

/// How much of an ensemble takes part.
enum EnsembleProfile: String, CaseIterable, ExpressibleByArgument {
  /// All members.
  case full
  /// The first member alone.
  case fast
}
