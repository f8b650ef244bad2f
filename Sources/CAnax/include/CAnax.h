// SPDX-License-Identifier: Apache-2.0
// The face of the C layer: `static inline` shims for what Swift cannot say, and the declaration of the storage in state.c.
#pragma once
#include "anax_attributes.h"
#include "anax_atomics.h"
#include "anax_engine.h"
#include "anax_kernel.h"
#include "anax_state.h"
#include "anax_start.h"
#include "anax_rseq.h"
#include "anax_foreign.h"
#include "anax_tunables.h"
#include "anax_machine.h"
