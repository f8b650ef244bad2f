// SPDX-License-Identifier: Apache-2.0
// Storage of what the Swift face of tokens sets once or now and then, by any thread. Not lazy globals of Swift: a fork while another
// thread makes one would leave the child waiting for it.
#pragma once
#include <stdint.h>
#include "anax_attributes.h"

struct anax_token_face {
  uint64_t letting_hook;   // a debug build's mark: address of the object that is told of each letting-go, or 0
  uint64_t profile_state;  // ANAX_PROFILE: 0 not yet read, 1 read, else twice the number of the process that is reading it
};

extern struct anax_token_face anax_token_face_storage;

ANAX_INLINE uint64_t *_Nonnull anax_token_letting_hook_word(void) { return &anax_token_face_storage.letting_hook; }
ANAX_INLINE uint64_t *_Nonnull anax_token_profile_state_word(void) { return &anax_token_face_storage.profile_state; }
