#!/bin/sh
# sh libraries.sh VENV LOCK: install exactly the locked files of LOCK into the virtual environment VENV.
# install.sh and test.sh use it. Exit status 1: pip has said why.
#
# A second index, as Raspberry Pi OS's pip.conf has one, changes nothing: pip prefers the files with a locked hash to any
# other (tests/machines/test_install.py holds it to that). Nothing that a build would need comes without a hash either:
# a source is built only where there is no wheel, which is on armhf, with the locked setuptools.
set -eu
venv=$1
lock=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

install() {
  "$venv/bin/python" -I -m pip install --quiet --no-cache-dir --disable-pip-version-check --no-input --no-deps \
    --require-hashes --root-user-action=ignore --only-binary :all: "$@"
}
if [ "$(dpkg --print-architecture)" = armhf ]; then
  install -r "$here/requirements-build.lock"
  install --no-binary psutil,pyyaml --no-build-isolation -r "$lock"
else
  install -r "$lock"
fi
