#!/usr/bin/env bash
# Makes Python code of Jangada's .proto files, beside this script: jangada/v1/*_pb2.py and *_pb2_grpc.py.
#
#   generate.sh [PROTO_FOLDER]      default: ../../../proto, as in Jangada's own tree
#
# On Debian:       apt-get install protobuf-compiler-grpc python3-grpcio python3-protobuf
# Anywhere else:   pip install grpcio grpcio-tools
# Exit: 0 made, 1 not.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
protos="$(cd "${1:-$here/../../../proto}" && pwd)"
files=(jangada/v1/common.proto jangada/v1/log.proto jangada/v1/admin.proto jangada/v1/group.proto)

if plugin="$(command -v grpc_python_plugin)"; then
  protoc -I "$protos" --python_out="$here" --grpc_python_out="$here" \
    --plugin=protoc-gen-grpc_python="$plugin" "${files[@]}"
elif python3 -c 'import grpc_tools' 2>/dev/null; then
  python3 -m grpc_tools.protoc -I "$protos" --python_out="$here" --grpc_python_out="$here" "${files[@]}"
else
  echo "generate.sh: there is neither grpc_python_plugin (Debian: apt-get install protobuf-compiler-grpc)" \
    "nor grpc_tools (pip install grpcio-tools)" >&2
  exit 1
fi
