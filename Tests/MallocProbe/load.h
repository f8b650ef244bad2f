// SPDX-License-Identifier: Apache-2.0
// A load that checks itself: blocks of random sizes, each filled with its own pattern and checked before it is freed.
#pragma once
#include "probe.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LOAD_SLOTS = 512 };

struct load {
  unsigned char *block[LOAD_SLOTS];
  size_t size[LOAD_SLOTS];
  uint64_t random;
};

static inline uint64_t load_next(struct load *load) {
  load->random ^= load->random << 13;
  load->random ^= load->random >> 7;
  load->random ^= load->random << 17;
  return load->random;
}

static inline void load_release(struct load *load, size_t slot) {
  unsigned char *block = load->block[slot];
  if (!block) return;
  unsigned char byte = (unsigned char)(slot * 37 + load->size[slot]);
  size_t size = load->size[slot];
  for (size_t i = 0; i < size; i += size > 4096 ? 509 : 1) {
    if (block[i] != byte) fail("a block's contents changed");
  }
  free(block);
  load->block[slot] = NULL;
}

static inline void load_step(struct load *load) {
  uint64_t random = load_next(load);
  size_t slot = random % LOAD_SLOTS;
  load_release(load, slot);
  size_t size = (random >> 32) % 64 == 0 ? (random >> 16) % 200000 : (random >> 16) % 700;
  unsigned char *block = (random >> 40) % 8 == 0 ? calloc(1, size + 1) : malloc(size + 1);
  if (!block) fail("no memory");
  if ((random >> 40) % 8 == 0) {
    for (size_t i = 0; i < size; i++) {
      if (block[i]) fail("calloc gave memory that is not zero");
    }
  }
  if (malloc_usable_size(block) < size + 1) fail("malloc_usable_size is less than what was asked for");
  load->size[slot] = size;
  load->block[slot] = block;
  memset(block, (unsigned char)(slot * 37 + size), size);
}

static inline void load_end(struct load *load) {
  for (size_t slot = 0; slot < LOAD_SLOTS; slot++) load_release(load, slot);
}
