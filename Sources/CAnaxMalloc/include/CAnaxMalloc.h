// SPDX-License-Identifier: Apache-2.0
// Nothing to import: this target replaces malloc by being linked.
#pragma once
