// SPDX-License-Identifier: Apache-2.0
//
// The service with the product AnaxMalloc.
import Records

try await RecordService.run()
