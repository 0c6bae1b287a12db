#!/bin/sh
# Everything that the tests need, then all tests; docs/testing.md.
#   sh test.sh          of the long tests a seeded tenth, twelve cases at most
#   sh test.sh --all    every one
# Exit status: 0 all passed, 1 something failed.
set -eu
cd "$(dirname "$0")"

say() { printf '\n==> %s\n' "$*"; }
die() { printf 'test.sh: %s\n' "$*" >&2; exit 1; }

all=
case ${1:-} in
  '') ;;
  --all) all=--all ;;
  *) die "unknown argument: $1 (there is --all)" ;;
esac

usable() { python3 -I -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; }

required= optional=
usable || required="ca-certificates python3 python3-venv"
for pair in git:git minicom:minicom picocom:picocom restic:restic sftp:openssh-client strace:strace tmux:tmux wg:wireguard-tools zbarimg:zbar-tools; do
  command -v "${pair%%:*}" >/dev/null || optional="$optional ${pair##*:}"
done
if [ -n "$required$optional" ]; then
  if [ "$(id -u)" = 0 ]; then
    say "Installing Debian's packages: $required$optional"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q -o DPkg::Lock::Timeout=-1 update
    # shellcheck disable=SC2086 # a list of words
    apt-get -q -y -o DPkg::Lock::Timeout=-1 -o Dpkg::Use-Pty=0 install --no-install-recommends $required $optional
    usable || die "python3 here is $(python3 -V); the tests need 3.11 to 3.14"
  elif [ -n "$required" ]; then
    die "the tests need packages first. Run: sudo apt-get install $required$optional"
  else
    say "Some tests will skip without these. To run them too: sudo apt-get install$optional"
  fi
fi

made_of=$(python3 -V; cat requirements-dev.lock requirements-build.lock | sha256sum; pwd)
if [ "$(cat .venv/made-of 2>/dev/null)" != "$made_of" ]; then
  say "Building .venv from requirements-dev.lock"
  rm -rf .venv
  python3 -I -m venv .venv
  sh libraries.sh .venv requirements-dev.lock || die "the libraries could not be installed (above)"
  pwd >"$(.venv/bin/python -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/checkout.pth"
  printf '%s\n' "$made_of" >.venv/made-of
fi
PATH=$PWD/.venv/bin:$PATH
export PATH

failed=
check() { # NAME COMMAND...
  name=$1; shift
  say "$name"
  "$@" || failed="$failed, $name"
}
check ruff ruff check .
check 'ruff format' ruff format --check .
check mypy mypy
check import-linter lint-imports
check 'tests without machines' pytest -n 6 --dist worksteal -rs $all tests --ignore tests/machines  # they mostly wait

without=
say 'Whether test machines can boot here'
if why=$(python -m tests.machines 2>&1) || [ "${CI:-}" = true ]; then
  # one by one in the order of tests/machines/conftest.py: the longest first
  check 'tests/machines' pytest -n 6 --dist loadscope --no-loadscope-reorder -rs $all tests/machines
else
  printf '%s\n' "$why"
  without=' The machine tests did not run (the reason is above).'
fi

echo
[ -z "$failed" ] || die "FAILED: ${failed#, }.$without"
printf 'test.sh: all passed.%s\n' "$without"
