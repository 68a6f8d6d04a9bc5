package import CDNNL
import Threads

/// The oneDNN engine and its threads. oneDNN 2.x, C interface: <https://oneapi-src.github.io/oneDNN/v2/>.
package enum DNNL {
  /// The processor; made once, never destroyed.
  package nonisolated(unsafe) static let engine: dnnl_engine_t = {
    var engine: dnnl_engine_t?
    let status = dnnl_engine_create(&engine, dnnl_cpu, 0)
    precondition(status == dnnl_success, "oneDNN offers no CPU engine")
    return engine!
  }()

  /// Of the library that is loaded, such as `2.6.3`.
  package static let version: String = {
    guard let version = dnnl_version()?.pointee else { return "unknown" }
    return "\(version.major).\(version.minor).\(version.patch)"
  }()

  private static let creation = Lock()

  /// Makes a primitive or its descriptor, one at a time in the process.
  ///
  /// oneDNN 2.6 now and then mixes up the `brgconv` kernels that two threads make at the same moment for different data
  /// types: about one of 750 convolutions then reads its input as the other type.
  package static func create(_ body: () -> dnnl_status_t) -> dnnl_status_t { creation.locked(body) }

  /// Turns a status into an error that names the operation.
  package static func check(
    _ status: dnnl_status_t, _ operation: @autoclosure () -> String
  ) throws(InferenceError) {
    guard status != dnnl_success else { return }
    throw .backend(operation: operation(), status: describe(status))
  }

  private static func describe(_ status: dnnl_status_t) -> String {
    switch status {
    case dnnl_out_of_memory: "out of memory"
    case dnnl_invalid_arguments: "invalid arguments"
    case dnnl_unimplemented: "not implemented for these shapes, layouts or data types"
    case dnnl_runtime_error: "run-time error"
    default: "status \(status.rawValue)"
    }
  }

  /// Sets how many threads the OpenMP regions started from the calling thread use.
  ///
  /// Primitives choose their blocking for the count in force when they are made: make and run them with the same one.
  package static func setThreadCount(_ threads: Int) {
    omp_set_num_threads(Int32(threads))
  }

  /// On how many threads `onEachThread` calls at most.
  package static var teamSize: Int { omp_in_parallel() == 0 ? Int(omp_get_max_threads()) : 1 }

  /// Held before a team of threads starts and by each of its threads before it reads anything, and again at the end: the
  /// thread sanitizer does not know the OpenMP runtime, which orders this anyway.
  private static let handover = Lock()

  /// Calls `body` on as many threads as `setThreadCount` set, and waits for all; the runtime may give fewer.
  ///
  /// Inside such a call there is one thread, and oneDNN too stays on the one that calls it. Allocates nothing.
  package static func onEachThread(_ body: (_ thread: Int, _ threads: Int) -> Void) {
    guard teamSize > 1 else { return body(0, 1) }
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { body in
        handover.locked {}
        GOMP_parallel(
          {
            DNNL.handover.locked {}
            let body = $0!.assumingMemoryBound(to: ((Int, Int) -> Void).self).pointee
            body(Int(omp_get_thread_num()), Int(omp_get_num_threads()))
            DNNL.handover.locked {}
          },
          UnsafeMutableRawPointer(mutating: body), 0, 0)
        handover.locked {}
      }
    }
  }

  package static let hasAVX512: Bool = {
    let isa = dnnl_get_effective_cpu_isa()
    return [
      dnnl_cpu_isa_avx512_core, dnnl_cpu_isa_avx512_core_vnni, dnnl_cpu_isa_avx512_core_bf16,
      dnnl_cpu_isa_avx512_core_amx,
    ].contains(isa)
  }()

  /// True where the processor multiplies bf16 natively. oneDNN emulates it from AVX-512 on, which gains nothing.
  package static let hasNativeBF16: Bool = {
    let isa = dnnl_get_effective_cpu_isa()
    return isa == dnnl_cpu_isa_avx512_core_bf16 || isa == dnnl_cpu_isa_avx512_core_amx
  }()
}

extension Precision {
  package var dataType: dnnl_data_type_t {
    switch self {
    case .f32: dnnl_f32
    case .bf16: dnnl_bf16
    }
  }

  /// False for bf16 on processors without AVX-512, where plans and graphs of that precision cannot be made.
  public var isSupported: Bool {
    switch self {
    case .f32: true
    case .bf16: DNNL.hasAVX512
    }
  }

  /// - Throws: `backend` where `isSupported` is false.
  package func checkSupport() throws(InferenceError) {
    guard isSupported else { throw .backend(operation: rawValue, status: "needs a processor with AVX-512") }
  }

  /// bf16 where the processor multiplies it natively, f32 otherwise.
  public static var fastest: Precision { DNNL.hasNativeBF16 ? .bf16 : .f32 }
}

/// The order in which primitives run; each plan or graph has its own. Not thread-safe.
package final class ExecutionStream {
  package let handle: dnnl_stream_t

  package init() throws(InferenceError) {
    var stream: dnnl_stream_t?
    let status = dnnl_stream_create(&stream, DNNL.engine, UInt32(dnnl_stream_default_flags.rawValue))
    try DNNL.check(status, "stream")
    handle = stream!
  }

  deinit { dnnl_stream_destroy(handle) }
}
