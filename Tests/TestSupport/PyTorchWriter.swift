import Foundation
public import Inference

/// Files as `torch.save` writes them, and others that it would never write.
public enum PyTorchWriter {
  /// A state dict of f32 tensors.
  public static func file(_ tensors: [String: Tensor]) -> [UInt8] {
    var pickle: [UInt8] = [0x80, 2] + Array("}(".utf8)
    var records: [(String, [UInt8])] = []
    for (index, (name, tensor)) in tensors.sorted(by: { $0.key < $1.key }).enumerated() {
      pickle += string(name)
      pickle += Array("ctorch._utils\n_rebuild_tensor_v2\n((".utf8) + string("storage")
      pickle += Array("ctorch\nFloatStorage\n".utf8) + string("\(index)") + string("cpu")
      pickle += integer(tensor.values.count) + Array("tQK\0(".utf8)
      for size in tensor.shape { pickle += integer(size) }
      pickle += Array("t(".utf8)
      for axis in tensor.shape.indices { pickle += integer(tensor.shape[(axis + 1)...].reduce(1, *)) }
      pickle += [0x74, 0x89] + Array("}tR".utf8)
      records.append(("archive/data/\(index)", tensor.values.withUnsafeBytes { [UInt8]($0) }))
    }
    return archive([("archive/data.pkl", pickle + Array("u.".utf8))] + records)
  }

  /// A file with the given pickle and no tensors.
  public static func file(pickle: [UInt8]) -> [UInt8] { archive([("archive/data.pkl", pickle)]) }

  /// The operation that pushes a string.
  public static func string(_ text: String) -> [UInt8] {
    [0x58] + little(UInt32(text.utf8.count)) + Array(text.utf8)
  }

  /// The operation that pushes an integer.
  public static func integer(_ value: Int) -> [UInt8] { [0x4A] + little(Int32(value)) }

  /// A zip archive of stored entries.
  public static func archive(_ entries: [(name: String, content: [UInt8])]) -> [UInt8] {
    var result: [UInt8] = []
    var directory: [UInt8] = []
    for (name, content) in entries {
      let common =
        [20, 0, 0, 0, 0, 0, 0, 0, 0, 0] + little(crc32(content)) + little(UInt32(content.count))
        + little(UInt32(content.count)) + little(UInt16(name.utf8.count)) + [0, 0]
      directory += little(UInt32(0x0201_4B50)) + [20, 0] + common
      directory += [UInt8](repeating: 0, count: 10) + little(UInt32(result.count)) + Array(name.utf8)
      result += little(UInt32(0x0403_4B50)) + common + Array(name.utf8) + content
    }
    let end =
      little(UInt32(0x0605_4B50)) + [0, 0, 0, 0] + little(UInt16(entries.count)) + little(UInt16(entries.count))
      + little(UInt32(directory.count)) + little(UInt32(result.count)) + [0, 0]
    return result + directory + end
  }

  private static func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) }
  }

  private static let crcTable: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
  }

  private static func crc32(_ bytes: [UInt8]) -> UInt32 {
    crcTable.withUnsafeBufferPointer { table in
      bytes.withUnsafeBufferPointer { bytes in
        var value: UInt32 = 0xFFFF_FFFF
        for index in 0..<bytes.count {
          value = table[Int((value ^ UInt32(bytes[index])) & 0xFF)] ^ (value >> 8)
        }
        return ~value
      }
    }
  }
}
