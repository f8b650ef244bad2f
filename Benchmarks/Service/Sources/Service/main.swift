// SPDX-License-Identifier: Apache-2.0
//
// The service on the system's malloc, or on what is preloaded.
import Records

try await RecordService.run()
