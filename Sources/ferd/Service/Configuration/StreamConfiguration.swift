import Capture
import Inference
import Logging
import Pipeline

/// Everything that `ferd stream` can be told, with what holds where nobody says anything.
///
/// Its values come from the command line, the environment and a file (`ConfigurationLayers`); each is one
/// `ConfigurationKey`, under the same name in all three.
struct StreamConfiguration: Equatable, Sendable {
  /// Factors on the classes' probabilities.
  enum Bias: Equatable, Sendable {
    /// The ensemble's own.
    case ofModel
    /// `none`, a list or the path of a `bias.json`, as `--bias` takes them.
    case given(String)
  }

  /// Device, URL or file; must be told by somebody.
  var source: String?
  /// A file starts over at its end.
  var loops = false
  /// A file's time does not wait for whoever is late, as a camera's would not.
  var playsAsCamera = false
  /// The camera's; nil in these three: what suits the detector best.
  var size: CameraOptions.Size?
  /// Frames per second.
  var rate: Double?
  var format: FourCC?

  var writesStandardOutput = true
  /// File to which lines are appended.
  var output: String?
  /// Path of the UNIX socket, `@` and a name without a file, or `systemd`.
  var socket: String?
  var socketMode = 0o600
  /// Name or number; nil: the process's own.
  var socketGroup: String?
  var http: HTTPAddress?

  /// nil: the bundled ensemble, and detector below.
  var model: String?
  var profile = EnsembleProfile.full
  /// nil: the fastest that the processor supports and the model's record allows.
  var precision: Precision?
  /// For the networks that classify; nil: by the number of processors.
  var threads: Int?
  var detector: String?
  var detectSize = 480
  /// nil: as the frame rate demands.
  var detectEvery: Int?
  /// nil: as the detector's record says.
  var detectThreshold: Double?
  /// nil: as the time allows.
  var reclassifyEvery: Int?
  /// Time constant in seconds; 0: none.
  var smooth = AnnotateCommand.defaultSmoothingSeconds
  var bias = Bias.ofModel

  var logLevel = Logger.Level.info
}
