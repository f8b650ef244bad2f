// SPDX-License-Identifier: Apache-2.0
// What the processor says of itself that no file repeats.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "anax_attributes.h"

/// The hypervisor's signature ("KVMKVMKVM") into `signature`, with a zero behind it. False where the processor tells of no
/// hypervisor, which on aarch64 is always: there the files under /sys and /proc have to say.
ANAX_INLINE bool anax_hypervisor_signature(char *_Nonnull signature) {
  signature[0] = 0;
#if defined(__x86_64__)
  uint32_t a = 1, b, c = 0, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  if (!(c >> 31 & 1)) return false;
  a = 0x40000000;
  c = 0;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  memcpy(signature, &b, 4);
  memcpy(signature + 4, &c, 4);
  memcpy(signature + 8, &d, 4);
  signature[12] = 0;
  return true;
#else
  return false;
#endif
}
