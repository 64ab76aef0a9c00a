#!/bin/sh
# Compiles llama.cpp with its back ends as modules: `packaging/runtime/build.sh` for what is inside
# the bundle, `packaging/runtime/build.sh cuda13` for the CUDA module of the pack. See build.py.
set -eu
exec "${PYTHON:-python3}" "$(dirname "$0")/build.py" "$@"
