// SPDX-License-Identifier: Apache-2.0
//
// What must be alike for measured values to hold on another machine. A snapshot, read from `/proc`, `/sys` and the
// processor; allocates, and is not for the allocator's own path.

import CAnax
import Topology

/// The machine that values were measured on: enough to tell whether they hold here.
///
/// Reading one takes a few milliseconds; any thread, not in a signal handler.
public struct MachineFingerprint: Sendable, Hashable {
  /// As `x86_64`.
  public var architecture: String
  /// The processor's name; `unknown` where the system does not say.
  public var processor: String
  /// The hypervisor, as `KVM`; nil on bare metal.
  public var hypervisor: String?
  /// CPUs that the process may run on.
  public var cpus: Int
  /// CPUs' worth of time that the control groups allow; nil is no limit.
  public var cpuQuota: Double?
  /// The kernel's release. Two machines that differ in this alone are alike.
  public var kernel: String

  public init(
    architecture: String, processor: String, hypervisor: String?, cpus: Int, cpuQuota: Double?, kernel: String
  ) {
    self.architecture = architecture
    self.processor = processor
    self.hypervisor = hypervisor
    self.cpus = cpus
    self.cpuQuota = cpuQuota
    self.kernel = kernel
  }

  /// This machine, as this process may use it.
  public static func current() -> MachineFingerprint {
    var signature = [CChar](repeating: 0, count: 16)
    let told = anax_hypervisor_signature(&signature)
    let text = String(decoding: signature.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return MachineFingerprint(files: FileTree(), signature: told ? text : nil)
  }

  private static var builtFor: String {
    #if arch(x86_64)
      "x86_64"
    #elseif arch(arm64)
      "aarch64"
    #else
      "unknown"
    #endif
  }

  /// From the files under a root; `signature` is what the processor tells of a hypervisor.
  init(files: FileTree, signature: String?, architecture: String = builtFor) {
    self.architecture = architecture
    processor = Self.processor(files)
    hypervisor = Self.hypervisor(files, signature: signature, architecture: architecture)
    cpus = Topology(files: files).allowed.count
    cpuQuota = Limits(root: files.root).cpuQuota?.value
    kernel = files.line("proc/sys/kernel/osrelease") ?? "unknown"
  }

  private static func processor(_ files: FileTree) -> String {
    let lines = ((try? files.text("proc/cpuinfo")) ?? "").split(separator: "\n")
    func value(_ key: String) -> String? {
      lines.first { $0.hasPrefix(key) }.flatMap { line in
        line.firstIndex(of: ":").map { String(line[line.index(after: $0)...].drop { $0 == " " }) }
      }
    }
    if let model = value("model name") { return model }
    // Arm has numbers instead of names.
    if let part = value("CPU part") { return "implementer \(value("CPU implementer") ?? "?"), part \(part)" }
    return "unknown"
  }

  private static func hypervisor(_ files: FileTree, signature: String?, architecture: String) -> String? {
    if let signature {
      let known = [
        "KVMKVMKVM": "KVM", "Microsoft Hv": "Hyper-V", "VMwareVMware": "VMware", "XenVMMXenVMM": "Xen",
        "TCGTCGTCGTCG": "QEMU", "VBoxVBoxVBox": "VirtualBox", "bhyve bhyve ": "bhyve", "ACRNACRNACRN": "ACRN",
      ]
      return known[signature] ?? (signature.isEmpty ? "unnamed" : signature)
    }
    if let type = files.line("sys/hypervisor/type"), !type.isEmpty { return type }
    if let compatible = files.line("proc/device-tree/hypervisor/compatible") {
      return String(compatible.prefix { $0 != "\0" })
    }
    // On x86-64 the processor's word is enough; a machine rented as bare metal has its maker's name in these files too.
    guard architecture != "x86_64", files.line("sys/class/dmi/id/product_name")?.hasSuffix(".metal") != true else {
      return nil
    }
    let makers = ["QEMU", "Amazon EC2", "Google", "VMware", "Xen", "Microsoft", "KVM", "Apple Virtualization"]
    for name in ["sys_vendor", "product_name"] {
      if let text = files.line("sys/class/dmi/id/\(name)"), let maker = makers.first(where: text.hasPrefix) {
        return maker
      }
    }
    return nil
  }

  /// What speaks against using values of `other` here, each in words; empty where the two are alike.
  public func differences(from other: MachineFingerprint) -> [String] {
    func difference<Value: Equatable>(_ name: String, _ theirs: Value, _ ours: Value, _ text: (Value) -> String)
      -> String?
    {
      theirs == ours ? nil : "\(name) \(text(theirs)), here \(text(ours))"
    }
    func quota(_ value: Double?) -> Int? { value.map { Int(min($0, 1e6) * 100) } }
    return [
      difference("architecture", other.architecture, architecture) { $0 },
      difference("processor", other.processor, processor) { $0 },
      difference("hypervisor", other.hypervisor, hypervisor) { $0 ?? "none" },
      difference("CPUs", other.cpus, cpus) { "\($0)" },
      difference("CPU quota", quota(other.cpuQuota), quota(cpuQuota)) { $0.map { "\($0) %" } ?? "none" },
    ].compactMap { $0 }
  }
}
