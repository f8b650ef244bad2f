// SPDX-License-Identifier: Apache-2.0
//
// The same server with the product AnaxMalloc linked in. Linking is all there is to it: nothing is imported or called.

import Server

try await Server.run(arguments: CommandLine.arguments)
