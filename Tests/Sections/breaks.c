// SPDX-License-Identifier: Apache-2.0
// Sections broken on purpose, in this process alone: what the tests must see.
#include "sections.h"

static const uint32_t nop = 0xd503201f;

const char *const break_names[ways] = {
  "short", "late", "long", "unarmed", "success", "again", "signature", "uncommitted",
};

void break_section(struct section *section, enum way way) {
  struct descriptor *descriptor = section->descriptor;
  switch (way) {
    case way_short: descriptor->length -= 4; break;
    case way_late:
      descriptor->start += 4;
      descriptor->length -= 4;
      break;
    case way_long: descriptor->length += 4; break;
    case way_unarmed: write_code(descriptor->start - 4, nop); break;
    case way_success: write_jump(descriptor->abort, section_end(section)); break;
    case way_again: write_jump(descriptor->abort, descriptor->start); break;
    case way_signature: write_code(descriptor->abort - 4, nop); break;
    case way_uncommitted: write_code(section_end(section) - 4, nop); break;
    case ways: break;
  }
}
