// SPDX-License-Identifier: Apache-2.0
//
// The file that a program's name stands for, and whether preloading will work on it: the dynamic linker is not there
// in a static program, and ignores LD_PRELOAD where the program runs with more rights than its caller.
import Glibc

struct ProgramFile {
  let path: String

  /// Searches PATH as execvp does; nil where nothing is found.
  init?(named name: String) {
    if name.contains("/") {
      path = name
      return
    }
    let folders = getenv("PATH").map { String(cString: $0) } ?? "/bin:/usr/bin"
    for folder in folders.split(separator: ":", omittingEmptySubsequences: false) {
      let path = (folder.isEmpty ? "." : String(folder)) + "/" + name
      if access(path, X_OK) == 0 {
        self.path = path
        return
      }
    }
    return nil
  }

  /// Why the library may have no effect; nil where nothing speaks against it.
  var preloadDoubt: String? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    if status.st_mode & S_ISUID != 0, status.st_uid != geteuid() {
      return "is set-user-ID, so LD_PRELOAD is ignored"
    }
    return isStatic ? "is statically linked, so LD_PRELOAD has no effect" : nil
  }

  /// Whether this is a 64-bit ELF program without an interpreter (and not a shared object).
  private var isStatic: Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var header = Elf64_Ehdr()
    guard pread(descriptor, &header, MemoryLayout<Elf64_Ehdr>.size, 0) == MemoryLayout<Elf64_Ehdr>.size,
      header.e_ident.0 == 0x7F, header.e_ident.1 == 0x45, header.e_ident.2 == 0x4C, header.e_ident.3 == 0x46,
      header.e_ident.4 == 2, Int(header.e_phentsize) == MemoryLayout<Elf64_Phdr>.size
    else { return false }
    for index in 0..<Int(header.e_phnum) {
      var segment = Elf64_Phdr()
      let offset = Int(truncatingIfNeeded: header.e_phoff) &+ index * MemoryLayout<Elf64_Phdr>.size
      guard pread(descriptor, &segment, MemoryLayout<Elf64_Phdr>.size, offset) == MemoryLayout<Elf64_Phdr>.size
      else { return false }
      // PT_INTERP
      if segment.p_type == 3 { return false }
    }
    return true
  }
}
