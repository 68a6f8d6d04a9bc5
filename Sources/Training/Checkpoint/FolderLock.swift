import Foundation

/// Keeps a second run out of a run's folder for as long as it lives. The kernel lets go of it when the process ends, however that
/// happens, and it leaves nothing behind.
final class FolderLock {
  private let descriptor: Int32

  /// - Throws: `invalidSettings` where another run holds the folder.
  init(_ folder: URL) throws(TrainingError) {
    descriptor = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0 else { return }
    // Some file systems cannot lock; then there is no guard, but no obstacle either.
    guard errno == EWOULDBLOCK else { return }
    // What `deinit` does comes after an error, too.
    throw .invalidSettings("another run is at work in \(folder.path); let it end, or name another folder")
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}
