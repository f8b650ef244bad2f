# SPDX-License-Identifier: Apache-2.0
#
# The SwiftNIO server with the product AnaxMalloc linked in, in release with --static-swift-stdlib.

# shellcheck source=Tests/Programs/service.sh
source "$(dirname "${BASH_SOURCE[0]}")/service.sh"
product=ServiceOnAnax
preload=no
witness=(ServiceOnAnax)
owner=ServiceOnAnax
build_flags=(--static-swift-stdlib)
