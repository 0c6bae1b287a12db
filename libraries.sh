#!/bin/sh
# sh libraries.sh VENV LOCK: install exactly the locked files of LOCK into the virtual environment VENV.
# install.sh and test.sh use it. Exit status 1: pip has said why.
set -eu
python=$1/bin/python
lock=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# What makes the network work here counts (index, certificates, proxy); a further index does not, as Raspberry Pi OS adds
# one: its files have other hashes than the locked ones, and pip could prefer them.
settings=$("$python" -I -m pip config list)
while IFS= read -r line; do
  value=${line#*=}; value=${value#\'}; value=${value%\'}
  case ${line%%=*} in
    global.index-url | install.index-url) : "${PIP_INDEX_URL:=$value}"; export PIP_INDEX_URL ;;
    global.cert | install.cert) : "${PIP_CERT:=$value}"; export PIP_CERT ;;
    global.client-cert | install.client-cert) : "${PIP_CLIENT_CERT:=$value}"; export PIP_CLIENT_CERT ;;
    global.proxy | install.proxy) : "${PIP_PROXY:=$value}"; export PIP_PROXY ;;
    global.trusted-host | install.trusted-host) : "${PIP_TRUSTED_HOST:=$value}"; export PIP_TRUSTED_HOST ;;
    global.timeout | install.timeout) : "${PIP_TIMEOUT:=$value}"; export PIP_TIMEOUT ;;
  esac
done <<SETTINGS
$settings
SETTINGS
unset PIP_EXTRA_INDEX_URL
export PIP_CONFIG_FILE=/dev/null

# not even what a build would need comes without a hash, so a source is built only where there is no wheel: on armhf
install() {
  "$python" -I -m pip install --quiet --no-cache-dir --disable-pip-version-check --no-input --no-deps --require-hashes \
    --root-user-action=ignore --only-binary :all: "$@"
}
if [ "$(dpkg --print-architecture)" = armhf ]; then
  install -r "$here/requirements-build.lock"
  install --no-binary psutil,pyyaml --no-build-isolation -r "$lock"
else
  install -r "$lock"
fi
