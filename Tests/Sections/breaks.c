// SPDX-License-Identifier: Apache-2.0
// Sections broken on purpose, in this process alone: what the tests must see.
#include "sections.h"

static const uint32_t nop = 0xd503201f;

const char *const break_names[] = {
  "short",      // the commit is outside of the range
  "late",       // so is the read of the CPU's id
  "long",       // the range has the commit behind it
  "unarmed",    // the kernel is not told
  "success",    // an abort reports that it was done
  "again",      // an abort begins again, of which the kernel is not told
  "signature",  // the kernel does not find its signature
  "uncommitted",
};
const int breaks = sizeof break_names / sizeof break_names[0];

void break_section(struct section *section, int way) {
  struct descriptor *descriptor = section->descriptor;
  switch (way) {
    case 0: descriptor->length -= 4; break;
    case 1:
      descriptor->start += 4;
      descriptor->length -= 4;
      break;
    case 2: descriptor->length += 4; break;
    case 3: write_code(descriptor->start - 4, nop); break;
    case 4: write_jump(descriptor->abort, section_end(section)); break;
    case 5: write_jump(descriptor->abort, descriptor->start); break;
    case 6: write_code(descriptor->abort - 4, nop); break;
    case 7: write_code(section_end(section) - 4, nop); break;
  }
}
