// SPDX-License-Identifier: Apache-2.0
// What the C library lets a program ask of its malloc, and set. Figures are read without waiting for anybody; those of a
// process that goes on meanwhile are close, not exact.
#include "face.h"

#ifndef ANAX_STAND_ASIDE
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>

// `pad` is the C library's top pad; there is no top here. 1 when memory was returned.
ANAX_EXPORT int malloc_trim(size_t pad) {
  (void)pad;
  return anax_purge() > 0;
}

// Large blocks count as mapped ones (hblks, hblkhd); items in CPU caches and depots as fast bins (smblks is not known: 0).
static void fill(struct mallinfo2 *info) {
  struct anax_summary sum;
  anax_summary_read(&sum);
  uint64_t slabs = sum.claimed > sum.large ? sum.claimed - sum.large : 0;
  uint64_t ready = sum.cached + sum.depot;
  info->arena = slabs + sum.dirty;
  info->ordblks = sum.free_count;
  info->smblks = 0;
  info->hblks = sum.large_blocks;
  info->hblkhd = sum.large;
  info->usmblks = 0;
  info->fsmblks = ready;
  info->uordblks = sum.used;
  info->fordblks = info->arena > sum.used ? info->arena - sum.used : 0;
  info->keepcost = sum.dirty;
}

ANAX_EXPORT struct mallinfo2 mallinfo2(void) {
  struct mallinfo2 info = {0};
  fill(&info);
  return info;
}

static int cut(size_t value) { return value > INT_MAX ? INT_MAX : (int)value; }

// The fields are int: what does not fit reads INT_MAX.
ANAX_EXPORT struct mallinfo mallinfo(void) {
  struct mallinfo2 wide = {0};
  fill(&wide);
  struct mallinfo info = {
      .arena = cut(wide.arena),
      .ordblks = cut(wide.ordblks),
      .smblks = cut(wide.smblks),
      .hblks = cut(wide.hblks),
      .hblkhd = cut(wide.hblkhd),
      .usmblks = cut(wide.usmblks),
      .fsmblks = cut(wide.fsmblks),
      .uordblks = cut(wide.uordblks),
      .fordblks = cut(wide.fordblks),
      .keepcost = cut(wide.keepcost),
  };
  return info;
}

// XML of the C library's form with one heap; 0, or EINVAL where options is not 0.
ANAX_EXPORT int malloc_info(int options, FILE *file) {
  if (options != 0) return EINVAL;
  struct mallinfo2 info = {0};
  fill(&info);
  fprintf(file,
          "<malloc version=\"1\">\n"
          "<heap nr=\"0\">\n"
          "<sizes>\n"
          "</sizes>\n"
          "<total type=\"fast\" count=\"0\" size=\"%zu\"/>\n"
          "<total type=\"rest\" count=\"%zu\" size=\"%zu\"/>\n"
          "<system type=\"current\" size=\"%zu\"/>\n"
          "<system type=\"max\" size=\"%zu\"/>\n"
          "<aspace type=\"total\" size=\"%zu\"/>\n"
          "<aspace type=\"mprotect\" size=\"%zu\"/>\n"
          "</heap>\n",
          info.fsmblks, info.ordblks, info.fordblks - (info.fsmblks < info.fordblks ? info.fsmblks : info.fordblks),
          info.arena, info.arena, info.arena, info.arena);
  fprintf(file,
          "<total type=\"fast\" count=\"0\" size=\"%zu\"/>\n"
          "<total type=\"rest\" count=\"%zu\" size=\"%zu\"/>\n"
          "<total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n"
          "<system type=\"current\" size=\"%zu\"/>\n"
          "<system type=\"max\" size=\"%zu\"/>\n"
          "<aspace type=\"total\" size=\"%zu\"/>\n"
          "<aspace type=\"mprotect\" size=\"%zu\"/>\n"
          "</malloc>\n",
          info.fsmblks, info.ordblks, info.fordblks - (info.fsmblks < info.fordblks ? info.fsmblks : info.fordblks),
          info.hblks, info.hblkhd, info.arena + info.hblkhd, info.arena + info.hblkhd, info.arena + info.hblkhd,
          info.arena + info.hblkhd);
  return 0;
}

ANAX_EXPORT void malloc_stats(void) { anax_stats_print(); }

// 1 accepted, 0 refused, as the C library.
// - M_TRIM_THRESHOLD (free bytes kept before memory goes back) sets vm.page.keep_floor, which a free does not go below; -1 sets its
//   largest value. What lies unused for vm.page.decay goes back all the same.
// - The number of arenas, top pad, mmap and fast-bin thresholds name things that do not exist here: accepted, without effect.
// - M_CHECK_ACTION: misuse always stops the process with a message, which is 3.
// - M_PERTURB and what is unknown promise something that would not happen: refused.
ANAX_EXPORT int mallopt(int parameter, int value) {
  switch (parameter) {
  case M_TRIM_THRESHOLD:
    return anax_keep_floor_set(value < 0 ? INT64_C(1) << 46 : value);
  case M_MXFAST:
  case M_TOP_PAD:
  case M_MMAP_THRESHOLD:
  case M_MMAP_MAX:
  case M_ARENA_TEST:
  case M_ARENA_MAX:
    return value >= 0;
  case M_CHECK_ACTION:
    return value == 3;
  default:
    return 0;
  }
}
#endif
