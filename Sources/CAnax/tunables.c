// SPDX-License-Identifier: Apache-2.0
//
// Storage of the tunables' values, and nothing else.
#include "anax_tunables.h"

struct anax_tunable_values anax_tunable_values;
