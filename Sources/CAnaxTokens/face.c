// SPDX-License-Identifier: Apache-2.0
//
// Storage of the tokens' Swift face, and nothing else.
#include "anax_token_face.h"

struct anax_token_face anax_token_face_storage;
