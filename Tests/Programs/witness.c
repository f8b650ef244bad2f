// SPDX-License-Identifier: Apache-2.0
//
// Preloaded before the library under test into every process of a run: at start it appends one line to the file that
// ANAX_TEST_WITNESS names, with the object that `malloc` resolves to and the executable. It is how the driver knows
// that a program really ran on the library. It calls no allocator and changes nothing else in the process.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t append(char *line, size_t length, size_t capacity, const char *text) {
  size_t count = strlen(text);
  if (count > capacity - length) count = capacity - length;
  memcpy(line + length, text, count);
  return length + count;
}

__attribute__((constructor)) static void testify(void) {
  int saved = errno;
  const char *path = getenv("ANAX_TEST_WITNESS");
  if (path) {
    Dl_info owner;
    const ElfW(Sym) *symbol = NULL;
    void *function = dlsym(RTLD_DEFAULT, "malloc");
    // In an executable at a fixed address the name leads to its own stub, which is a reference, not a definition.
    if (function && dladdr1(function, &owner, (void **)&symbol, RTLD_DL_SYMENT) && symbol &&
        symbol->st_shndx == SHN_UNDEF) {
      function = dlsym(RTLD_NEXT, "malloc");
    }
    char executable[4096];
    ssize_t count = readlink("/proc/self/exe", executable, sizeof executable - 1);
    executable[count > 0 ? count : 0] = 0;
    char line[8192];
    size_t length = 0;
    int known = function && dladdr(function, &owner) && owner.dli_fname;
    length = append(line, length, sizeof line - 2, known ? owner.dli_fname : "nothing");
    length = append(line, length, sizeof line - 2, "\t");
    length = append(line, length, sizeof line - 2, executable);
    line[length++] = '\n';
    int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file >= 0) {
      ssize_t written = write(file, line, length);
      (void)written;
      close(file);
    }
  }
  errno = saved;
}
