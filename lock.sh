#!/bin/sh
# Write the lock files again from pyproject.toml: exact versions with the hashes of every file that the index has of
# them, for every platform and Python that we run on. Arguments go to uv: `sh lock.sh --upgrade`.
# `sh lock.sh --verify` asks the index instead whether pip finds a locked file for each of those, and downloads them.
set -eu
cd "$(dirname "$0")"

uv=$(command -v uv || echo .venv/bin/uv)

lock() { # OUTPUT ARGUMENT...
  out=$1; shift
  # no configuration of this host, and nothing of it in the file
  "$uv" pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-header \
  --output-file "$out" "$@"
}
verify() { # needs a Python with pip; its own version doesn't matter
  python=${PYTHON:-python3}
  to=$(mktemp -d)
  trap 'rm -rf "$to"' EXIT
  # armhf has no wheels of these two: install.sh builds them there, with the hashed setuptools
  grep -v '^ *#' requirements.lock | awk '/^[a-z]/ {skip = /^(psutil|pyyaml)==/} !skip' >"$to/wheels"
  grep -v '^ *#' requirements.lock | awk '/^[a-z]/ {skip = !/^(psutil|pyyaml)==/} !skip' >"$to/sources"
  for version in 3.11 3.12 3.13 3.14; do
    for machine in x86_64 aarch64 armv7l; do
      file=requirements.lock
      if [ $machine = armv7l ]; then file=$to/wheels; fi
      fetch --only-binary :all: --python-version $version --implementation cp --abi "cp$(echo $version | tr -d .)" --abi abi3 \
        --abi none --platform manylinux2014_$machine --platform manylinux_2_28_$machine --platform manylinux_2_31_$machine \
        --platform manylinux_2_36_$machine -r "$file"
      echo "Python $version on $machine: a locked wheel of each"
    done
  done
  "$python" -m venv "$to/venv"
  python=$to/venv/bin/python
  "$python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
  fetch --no-binary psutil,pyyaml --no-build-isolation -r "$to/sources"
  echo "psutil and PyYAML: a locked source"
}

fetch() {
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$to/files" "$@"
}

if [ "${1:-}" = --verify ]; then verify; exit; fi
lock requirements.lock pyproject.toml "$@"
lock requirements-dev.lock pyproject.toml --extra dev --constraint requirements.lock "$@"
lock requirements-build.lock requirements-build.in "$@"
