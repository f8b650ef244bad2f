// SPDX-License-Identifier: Apache-2.0
//
// The server on the system's malloc, or on what is preloaded.

import Server

try await Server.run(arguments: CommandLine.arguments)
