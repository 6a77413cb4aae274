#!/usr/bin/env bash
# Builds grpcurl, the generic gRPC tool with which the tests try the examples of docs/grpc-api.md.
#
#   scripts/lib/grpcurl.sh FOLDER     makes FOLDER/grpcurl, unless it is there
#
# Needs Go (scripts/setup.sh --docs installs Debian's where there is none) and, the first time, Go's module proxy.
# Exit: 0 it is there, 1 not.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly VERSION=v1.8.9  # the newest that Debian 12's Go can build

folder="${1:?names the folder}"
[[ ! -x "$folder/grpcurl" ]] || exit 0
command -v go >/dev/null || die "there is no Go to build grpcurl with; scripts/setup.sh --docs installs it"
mkdir -p "$folder"
GOBIN="$(cd "$folder" && pwd)" go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$VERSION" ||
  die "Go could not build grpcurl, see above; is its module proxy reachable?"
