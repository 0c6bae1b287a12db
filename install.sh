#!/bin/sh
# Install pi-installer-tui from this checkout, or bring an installed one to this checkout's version; docs/install.md.
# Needs Debian 12 or 13 or Raspberry Pi OS on them, root, and a network. Everything goes to /opt/pi-installer-tui; the
# new version is built beside the old one and switched to in one rename, so a failure leaves what was there.
set -eu

NAME=pi-installer-tui
PREFIX=/opt/$NAME
LINK=/usr/local/bin/$NAME
STATE=/var/lib/$NAME
SETTINGS=/etc/$NAME
UNITS=/etc/systemd/system
BOOT=$NAME-boot.service
FIRST=$NAME-first-boot.service
COLLECTOR=$NAME-collector.service
RECORDER=/usr/local/bin/cron-record

usage() {
  cat <<USAGE
sudo sh install.sh [--no-open]     install or upgrade; then open the program where a terminal is attached
sudo sh install.sh --first-boot    the same, and apply $NAME.yaml on the boot partition at boot, once
sudo sh install.sh --uninstall     remove it, and the Debian packages that only it needed; $STATE stays
USAGE
}

say() { printf '==> %s\n' "$*"; }
die() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
umask 022

# -- what this machine is ----------------------------------------------------------------------------------------------

check_machine() {
  [ "$(uname -m)" != armv6l ] || die "this board's processor is an ARMv6 (Raspberry Pi 1, Zero, Zero W): several of the
libraries that $NAME stands on are not built for it. It runs on every Pi from the Pi 2 and the Zero 2 W on."
  [ -r /etc/os-release ] || die "this is no Debian (it has no /etc/os-release)."
  os=$(. /etc/os-release && printf '%s %s' "${ID:-unknown}" "${VERSION_ID:-${VERSION_CODENAME:-}}")
  os_name=$(. /etc/os-release && printf '%s' "${PRETTY_NAME:-$ID}")
  case $os in
    'debian 12' | 'debian 13' | 'raspbian 12' | 'raspbian 13') ;;
    *) die "this is $os_name; $NAME runs on Debian 12 and 13 and on Raspberry Pi OS based on them." ;;
  esac
  architecture=$(dpkg --print-architecture)
  case $architecture in
    amd64 | arm64 | armhf) ;;
    *) die "this system is built for $architecture; $NAME runs on amd64, arm64 and armhf." ;;
  esac
}

running() { # the processes that use a version below $PREFIX, one "PID COMMAND" a line
  for process in /proc/[0-9]*; do
    if [ "$process" = "/proc/$$" ]; then continue; fi
    if tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q "^${1:-$PREFIX/}" ||
      grep -qs " ${1:-$PREFIX/}" "$process/maps"; then
      printf '  %s %s\n' "${process#/proc/}" "$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null)"
    fi
  done
}

# -- Debian's packages -------------------------------------------------------------------------------------------------

packages() { dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' | sed -n 's/^installed //p' | sort; }

apt() {
  # its message names who holds dpkg's lock; it may take as long as it takes
  apt-get -q -o DPkg::Lock::Timeout=-1 -o Dpkg::Use-Pty=0 -o APT::Keep-Downloaded-Packages=false \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null 9<&-
}

apt_update() {
  # The lists have a lock of their own, for which apt doesn't wait; a Pi that just booted holds it for a while. Another
  # failure may be that of a repository that isn't needed here: installing will tell.
  while ! apt update 2>"$work/apt-update"; do
    cat "$work/apt-update" >&2
    grep -q 'Could not get lock' "$work/apt-update" || return 0
    sleep 3
  done
}

install_packages() {
  wanted="ca-certificates python3 python3-venv"
  # the index has no armhf wheels of psutil and PyYAML: they are built here, from their sources
  if [ "$architecture" = armhf ]; then wanted="$wanted gcc libc6-dev python3-dev"; fi
  missing=
  for package in $wanted; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    if [ "$status" != installed ]; then missing="$missing $package"; fi
  done
  if [ -n "$missing" ]; then
    say "Installing Debian's packages:$missing"
    packages >"$work/before"
    apt_update
    # shellcheck disable=SC2086 # a list of words
    if apt install -y --no-install-recommends $missing; then failed=; else failed=yes; fi
    packages >"$work/after"
    mkdir -p "$PREFIX"
    comm -13 "$work/before" "$work/after" >>"$PREFIX/apt-packages"
    [ -z "$failed" ] || die "apt-get install failed (above). $unchanged"
  fi
  /usr/bin/python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' ||
    die "/usr/bin/python3 is $(/usr/bin/python3 -V); $NAME needs Python 3.11 to 3.14. $unchanged"
}

remove_packages() { # those that install.sh brought and nothing else needs by now
  [ -s "$work/ours" ] || return 0
  while read -r package; do
    if dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed'; then printf '%s\n' "$package"; fi
  done <"$work/ours" | sort -u >"$work/left"
  [ -s "$work/left" ] || return 0
  xargs apt-mark showmanual <"$work/left" >"$work/manual"
  xargs apt-mark auto <"$work/left" >/dev/null
  if grep -qsF "$RECORDER" /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/*; then
    say "Jobs of crontabs are run by $RECORDER, so what that needs stays."
    grep -xE '(python3|ca-certificates)(:.*)?' "$work/left" | xargs -r apt-mark manual >/dev/null
  fi
  # a mere suggestion (as of python3 by many) is no need
  apt-get -s -o APT::AutoRemove::SuggestsImportant=false autoremove | sed -n 's/^Remv \([^ ]*\) .*/\1/p' | sort >"$work/unneeded"
  sed 's/:.*//' "$work/left" | sort | comm -12 - "$work/unneeded" >"$work/remove"
  if [ -s "$work/remove" ] && xargs apt-get -s purge <"$work/remove" | sed -n 's/^\(Remv\|Purg\) \([^ ]*\) .*/\2/p' |
    sort -u | cmp -s - "$work/remove"; then
    say "Removing the Debian packages that install.sh brought and nothing else needs: $(tr '\n' ' ' <"$work/remove")"
    # shellcheck disable=SC2046 # a list of words
    apt purge -y $(cat "$work/remove") || die "apt-get purge failed (above); the program itself is removed."
  else
    : >"$work/remove"
  fi
  sed 's/:.*//' "$work/left" | sort | comm -23 - "$work/remove" >"$work/kept"
  if [ -s "$work/kept" ]; then
    say "Other packages need these by now, so they stay: $(tr '\n' ' ' <"$work/kept")"
    grep -Fxf "$work/kept" "$work/manual" | xargs -r apt-mark manual >/dev/null || true
  fi
}

# -- the program -------------------------------------------------------------------------------------------------------

build() {
  version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' "$checkout/pi_installer_tui/__init__.py")
  mkdir -p "$PREFIX/versions"
  new=$(mktemp -d "$PREFIX/versions/$version-XXXXXX")
  chmod 755 "$new"
  say "Building $NAME $version in $new"
  /usr/bin/python3 -I -m venv "$new" || die "the virtual environment could not be made (above). $unchanged"
  if [ "$architecture" = armhf ]; then say "Building psutil and PyYAML from source: some minutes on a small board"; fi
  sh "$checkout/libraries.sh" "$new" "$checkout/requirements.lock" ||
    die "the libraries could not be installed (above). $unchanged"
  site=$("$new/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  cp -R "$checkout/pi_installer_tui" "$site/"
  find "$site/pi_installer_tui" -name __pycache__ -prune -exec rm -rf {} +
  # whoever reads the state as another user needs to read the program
  chmod -R u=rwX,go=rX "$site/pi_installer_tui"
  "$new/bin/python" -I -m compileall -q "$site/pi_installer_tui"
  # isolated: neither the folder that it is started in nor PYTHON* decide what root runs
  cat >"$new/bin/$NAME" <<SCRIPT
#!$new/bin/python -I
import sys

from pi_installer_tui.cli import main

sys.exit(main())
SCRIPT
  chmod 755 "$new/bin/$NAME"
  "$new/bin/$NAME" --version >/dev/null || die "the new version doesn't start (above). $unchanged"
}

switch() {
  sync -f "$new"
  rm -f "$PREFIX/current.new"
  ln -s "versions/${new##*/}" "$PREFIX/current.new"
  mv -T "$PREFIX/current.new" "$PREFIX/current"
  built=yes
  if [ -d "$STATE/settings" ] && [ ! -e "$SETTINGS" ]; then mv "$STATE/settings" "$SETTINGS"; fi
  mkdir -p "${LINK%/*}"
  ln -sfn "$PREFIX/current/bin/$NAME" "$LINK"
  write_boot_unit
  if [ -n "$first_boot" ]; then write_first_boot_unit; fi
  if [ -e "$UNITS/$COLLECTOR" ]; then systemctl try-restart "$COLLECTOR" || true; fi
  for old in "$PREFIX"/versions/*; do
    if [ "$old" = "$new" ]; then continue; fi
    if [ -z "$(running "$old/")" ]; then
      rm -rf "$old"
    else
      say "The version before is still in use; the next upgrade removes it: $old"
    fi
  done
}

write_boot_unit() { # jobs that have rebooted the machine go on by it, and those that were cut off are found
  mkdir -p "$UNITS/multi-user.target.wants"
  cat >"$UNITS/$BOOT" <<UNIT
[Unit]
Description=Go on with the jobs of $NAME that were open when the machine went down
After=local-fs.target dbus.service $NAME-way-back.service
Before=systemd-user-sessions.service
ConditionPathExistsGlob=|$STATE/jobs/*/open
ConditionPathExistsGlob=|$STATE/jobs/*/unseen

[Service]
Type=oneshot
ExecStart=$PREFIX/current/bin/python -I -m pi_installer_tui.boot
UNIT
  ln -sfn "../$BOOT" "$UNITS/multi-user.target.wants/$BOOT"
}

# Type=exec and after multi-user.target: neither that nor anyone who logs in waits for it. A file that doesn't say
# `unattended: true` is only mentioned.
write_first_boot_unit() {
  cat >"$UNITS/$FIRST" <<UNIT
[Unit]
Description=Apply the setup file of $NAME on the boot partition, once
After=multi-user.target network-online.target time-sync.target $BOOT
Wants=network-online.target
ConditionPathExists=|/boot/firmware/$NAME.yaml
ConditionPathExists=|/boot/$NAME.yaml

[Service]
Type=exec
ExecStart=$LINK first-boot
UNIT
  ln -sfn "../$FIRST" "$UNITS/multi-user.target.wants/$FIRST"
}

remove_units() {
  for unit in "$BOOT" "$FIRST" "$COLLECTOR"; do rm -f "$UNITS/multi-user.target.wants/$unit" "$UNITS/$unit"; done
  for unit in "$UNITS/$NAME-backup-"*; do # timers of backups would call a program that isn't there any more
    case $unit in *.timer) if [ -d /run/systemd/system ]; then systemctl stop "${unit##*/}" || true; fi ;; esac
    rm -f "$UNITS/timers.target.wants/${unit##*/}" "$unit"
  done
  if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
  rm -f "/run/motd.d/50-$NAME" "/run/motd.d/51-$NAME-boot-file" "/run/motd.d/52-$NAME-alerts"
}

# -- the two verbs -----------------------------------------------------------------------------------------------------

cleanup() {
  rm -rf "$work"
  if [ -z "$built" ] && [ -n "$new" ]; then
    rm -rf "$new"
    rmdir "$PREFIX/versions" "$PREFIX" 2>/dev/null || true
  fi
}

install() {
  check_machine
  for file in libraries.sh requirements.lock requirements-build.lock pi_installer_tui/__init__.py; do
    [ -f "$checkout/$file" ] || die "$checkout is no whole checkout of $NAME: it has no $file."
  done
  if [ -e "$LINK" ] && [ ! -L "$LINK" ]; then die "$LINK is something else's file; move it away first."; fi
  if [ -L "$PREFIX/current" ]; then
    unchanged="The installed version stays as it was."
  else
    unchanged="Nothing is installed."
  fi
  install_packages
  build
  switch
  say "$NAME $version is installed. Open it with: $NAME"
}

uninstall() {
  collects=
  if [ -e "$UNITS/$COLLECTOR" ] && systemctl --quiet is-active "$COLLECTOR"; then collects=yes; fi
  if [ -n "$collects" ]; then systemctl stop "$COLLECTOR"; fi
  in_use=$(running)
  if [ -n "$in_use" ]; then
    if [ -n "$collects" ]; then systemctl start "$COLLECTOR" || true; fi
    die "$NAME is running; close it, or wait for its job, first:
$in_use"
  fi
  sort -u "$PREFIX/apt-packages" >"$work/ours" 2>/dev/null || :
  case $(readlink "$LINK" 2>/dev/null) in "$PREFIX"/*) rm -f "$LINK" ;; esac
  rm -rf "$PREFIX"
  remove_units
  say "$NAME is removed."
  if [ -d "$SETTINGS" ]; then
    mkdir -p -m 700 "$STATE"
    rm -rf "$STATE/settings"
    mv "$SETTINGS" "$STATE/settings"
    say "Its settings moved from $SETTINGS to $STATE/settings; a new installation takes them back."
  fi
  remove_packages
  if [ -d "$STATE" ]; then
    say "The history of what it changed, and what an undo needs, stays in $STATE. To delete that too: sudo rm -r $STATE"
  fi
}

verb=install
open=yes
first_boot=
for argument in "$@"; do
  case $argument in
    --uninstall) verb=uninstall ;;
    --no-open) open= ;;
    --first-boot) first_boot=yes ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; printf 'install.sh: unknown argument: %s\n' "$argument" >&2; exit 3 ;;
  esac
done
[ "$(id -u)" = 0 ] || die "this needs root. Run: sudo sh $0 $*"

new= built=
work=$(mktemp -d)
mkdir -p /opt
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
exec 9</opt
flock -n 9 || die "another install.sh is at work."
"$verb"
exec 9<&-
if [ "$verb" = install ] && [ -n "$open" ] && [ -t 0 ] && [ -t 1 ]; then
  cleanup
  trap - EXIT
  exec "$LINK"
fi
