// SPDX-License-Identifier: Apache-2.0
//
// The one write that a process's last or first words need: straight to the kernel, so that errno and cancellation are
// left alone.
#pragma once

#include <stddef.h>
#include <sys/syscall.h>

#include "anax_attributes.h"

ANAX_INLINE void anax_write_standard_error(const void *bytes, size_t count) {
#if defined(__x86_64__)
  long result = SYS_write;
  __asm__ volatile("syscall" : "+a"(result) : "D"(2L), "S"(bytes), "d"(count) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
  register long number __asm__("x8") = SYS_write;
  register long descriptor __asm__("x0") = 2;
  register const void *start __asm__("x1") = bytes;
  register size_t length __asm__("x2") = count;
  __asm__ volatile("svc #0" : "+r"(descriptor) : "r"(number), "r"(start), "r"(length) : "memory");
#else
#error "Anax knows x86-64 and aarch64"
#endif
}
