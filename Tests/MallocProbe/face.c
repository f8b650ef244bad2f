// SPDX-License-Identifier: Apache-2.0
// Functions that the C library's headers do not declare yet, its options and figures, and pointers of another allocator.
#define _GNU_SOURCE
#include "load.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size);

int probe_sized(void) {
  for (size_t size = 0; size < 100000; size = size * 2 + 1) {
    void *block = malloc(size);
    if (!block) fail("no memory");
    errno = 4711;
    free_sized(block, size);
    block = aligned_alloc(256, size);
    if (!block || (uintptr_t)block % 256) fail("aligned_alloc");
    free_aligned_sized(block, 256, size);
    if (errno != 4711) fail("free touched errno");
  }
  free_sized(NULL, 0);
  free_aligned_sized(NULL, 16, 0);
  malloc_trim(0);
  return 1;
}

int probe_options(void) {
  if (mallopt(M_TRIM_THRESHOLD, 1 << 20) != 1) fail("M_TRIM_THRESHOLD is refused");
  if (mallopt(M_MMAP_THRESHOLD, 1 << 20) != 1) fail("M_MMAP_THRESHOLD is refused");
  if (mallopt(M_ARENA_MAX, 1) != 1) fail("M_ARENA_MAX is refused");
  if (mallopt(M_PERTURB, 1) != 0) fail("M_PERTURB is accepted, but nothing is perturbed");
  if (mallopt(12345, 1) != 0) fail("an unknown parameter is accepted");

  struct mallinfo2 before = mallinfo2();
  void *small[1000];
  for (int i = 0; i < 1000; i++) small[i] = malloc(200);
  void *large = malloc(10 << 20);
  struct mallinfo2 after = mallinfo2();
  if (after.uordblks < before.uordblks + 1000 * 200) fail("mallinfo2 does not count small blocks");
  if (after.hblks != before.hblks + 1) fail("mallinfo2 does not count large blocks");
  if (after.hblkhd < before.hblkhd + (10 << 20)) fail("mallinfo2 does not count the bytes of large blocks");
  if (after.arena != after.uordblks + after.fordblks) fail("mallinfo2 does not add up");
  for (int i = 0; i < 1000; i++) free(small[i]);
  free(large);
  struct mallinfo2 end = mallinfo2();
  if (end.uordblks > before.uordblks + 20000 || end.hblks != before.hblks) fail("mallinfo2 counts what was freed");

  char *text = NULL;
  size_t count = 0;
  FILE *file = open_memstream(&text, &count);
  if (malloc_info(1, file) != EINVAL) fail("malloc_info takes options");
  if (malloc_info(0, file) != 0) fail("malloc_info");
  fclose(file);
  if (!strstr(text, "<malloc version=\"1\">") || !strstr(text, "</malloc>")) fail("malloc_info's XML");
  free(text);
  malloc_stats();
  return 1;
}

/// Blocks of the C library's own malloc, given to ours (vm.heap.foreign=1).
int probe_foreign(void) {
  void *library = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  void *(*theirs)(size_t) = library ? (void *(*)(size_t))dlsym(library, "malloc") : NULL;
  if (!theirs || theirs == (void *(*)(size_t))malloc) fail("libc's malloc is not found");
  char *block = theirs(100);
  strcpy(block, "foreign");
  if (malloc_usable_size(block) < 100) fail("malloc_usable_size of a foreign block");
  block = realloc(block, 5000);
  if (!block || strcmp(block, "foreign")) fail("realloc of a foreign block");
  free(block);
  return 1;
}
