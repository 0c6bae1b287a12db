"""The way back from a change on probation, as a plain shell script: it needs neither this program nor Python, only what
every Debian has (coreutils, util-linux, systemd) and the copies that the job kept before it changed its first byte.

Steps tell how they are taken back as a few kinds of `Back`; `script` writes them down, `boot_unit` is the systemd unit
that runs the script when the machine boots before anyone confirmed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pi_installer_tui.system.host import PATH

if TYPE_CHECKING:
    from pathlib import Path

    from pi_installer_tui.tasks.before import Before, Kept

#: seconds that one command of the way back may take: what hangs must not keep the rest from coming back
COMMAND = 90
#: tries after which what is back on the disk counts as back although a command still fails (its interface is gone)
TRIES = 12


@dataclass(frozen=True, slots=True)
class PutFile:
    """A file as it was. copy: where its content is kept, with its SHA-256. xattrs: its extended attributes, access list
    included, in base64; a shell can't write them, so they are copied from the file `like`, which has them."""

    path: str
    copy: str
    sha256: str
    mode: int
    uid: int
    gid: int
    xattrs: Mapping[str, str] = field(default_factory=dict)
    like: str = ""


@dataclass(frozen=True, slots=True)
class PutLink:
    """A link as it was."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class PutDirectory:
    """A folder with its mode and owner."""

    path: str
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Remove:
    """Nothing was there. A folder goes if it is empty."""

    path: str


@dataclass(frozen=True, slots=True)
class Run:
    """A command. offline: it works on files alone, so it runs at boot too, before services do. wanted: False: it may
    fail. sensitive: neither it nor what it prints is told."""

    argv: tuple[str, ...]
    offline: bool = False
    wanted: bool = True
    sensitive: bool = False


Back = PutFile | PutLink | PutDirectory | Remove | Run


def paths_back(before: Before) -> tuple[Back, ...]:
    """What puts every kept path back, the last one first, and takes folders away that were made for them."""
    found = [_path_back(before, before.kept(path)) for path in reversed(before.paths())]
    found += [Remove(folder) for folder in reversed(before.get("parents") or ())]
    return tuple(each for each in found if each is not None)


def _path_back(before: Before, kept: Kept) -> Back | None:
    match kept.kind:
        case "":
            return Remove(kept.path)
        case "file":
            copy = str(before.blob(kept.path))
            return PutFile(kept.path, copy, kept.sha256, kept.mode, kept.uid, kept.gid, kept.xattrs)
        case "link":
            return PutLink(kept.path, kept.target or "")
        case "directory":
            return PutDirectory(kept.path, kept.mode, kept.uid, kept.gid)
    return None


def script(
    *,
    job: str,
    folder: Path,
    lock: Path,
    unit: Path,
    wanted_by: Path,
    backs: Iterable[Back],
    activations: Sequence[Run],
    done: str,
    restart: str,
    failed: str,
    motd: str,
) -> bytes:
    """The script. folder: the probation's; lock: the jobs' lock file; unit, wanted_by: the boot-time unit and the link
    that enables it; done, restart, failed: what the login message says afterwards: all is back; the files are, and a
    restart makes them take effect; something isn't, and it is tried again."""
    actions = [_line(number, back) for number, back in enumerate((*backs, *activations))]
    text = _SCRIPT.format(
        job=job,
        path=PATH,
        folder=shlex.quote(str(folder)),
        lock=shlex.quote(str(lock)),
        unit=shlex.quote(str(unit)),
        wanted_by=shlex.quote(str(wanted_by)),
        worker=f"pi-installer-tui-job-{job}*.service",
        timer=f"{unit_name(job)}.timer",
        motd=shlex.quote(motd),
        done=shlex.quote(done),
        restart=shlex.quote(restart),
        tries=TRIES,
        failed=shlex.quote(failed),
        actions="\n".join(actions) or ":",
        command=COMMAND,
    )
    return text.encode("utf-8", "surrogateescape")


def unit_name(job: str) -> str:
    """The name, without its type, of the timer and the service that take a job's change back."""
    return f"pi-installer-tui-way-back-{job}"


def boot_unit(script_path: Path, state: Path) -> str:
    """The unit that runs the script at boot, before the network and sshd come up. systemd.unit(5): a specifier's sign
    in a path is doubled."""
    path = str(script_path).replace("%", "%%")
    return _UNIT.format(script=path, state=str(state).replace("%", "%%"))


def _line(number: int, back: Back) -> str:
    quote = shlex.quote
    match back:
        case PutFile():
            words = [back.copy, back.sha256, f"{back.mode:o}", f"{back.uid}:{back.gid}", back.path]
            return shlex.join(["put_file", *words, *([back.like] if back.like else [])])
        case PutLink():
            return f"put_link {quote(back.target)} {quote(back.path)}"
        case PutDirectory():
            return f"put_folder {back.mode:o} {back.uid}:{back.gid} {quote(back.path)}"
        case Remove():
            return f"take_away {quote(back.path)}"
        case Run():
            name = "run_anytime" if back.offline else "run"
            told = "untold" if back.sensitive else "told"
            return f"{name} {number} {'must' if back.wanted else 'may'} {told} {shlex.join(back.argv)}"


_SCRIPT = """\
#!/bin/sh
# The way back from an unconfirmed change of pi-installer-tui (job {job}), written before its first byte was
# changed. It runs by itself when nobody confirms the change in time, and at boot. To run it by hand:
#   sudo sh {folder}/way-back
set -u
PATH={path}
LC_ALL=C.UTF-8
export PATH LC_ALL
umask 077
cd {folder} || exit 1
failed=
not_in_effect=
boot=
if [ "${{1:-}}" = boot ] && ! systemctl --quiet is-active network-pre.target; then boot=yes; fi

say() {{ printf '%s\\n' "$*" >>log; printf '%s\\n' "$*"; }} 2>/dev/null
wrong() {{ say "$*"; failed=yes; }}
motd() {{ mkdir -p -m 755 "$(dirname {motd})" && (umask 022; printf '%s\\n' "$1" >{motd}); }} 2>/dev/null

disarm() {{ # the unit may be a later job's by now
  if grep -qsF -- {folder}/way-back {unit}; then
    rm -f {wanted_by} {unit}
    sync "$(dirname {unit})" "$(dirname {wanted_by})" 2>/dev/null
  fi
  if [ -z "$boot" ]; then systemctl --quiet stop {timer} 2>/dev/null; fi
}}

hidden() {{ printf '%s/.%s.pi-installer-tui-0000ba4c' "${{1%/*}}" "${{1##*/}}"; }}

sweep() {{ # PATH: what was never put in its place, beside it or beside what it leads to
  for each in "$1" "$(readlink -m -- "$1")"; do
    rm -f -- "${{each%/*}}/.${{each##*/}}.pi-installer-tui-"????????
  done
}}

clear_way() {{ # PATH: no folder is in the way of a file or a link, and the folder above is there
  sweep "$1"
  if [ -d "$1" ] && [ ! -L "$1" ]; then rmdir "$1"; fi
  [ -d "${{1%/*}}/" ] || (umask 022; mkdir -p "${{1%/*}}")
}}

attributes() {{ # LIKE PATH
  [ -z "$1" ] || cp --attributes-only --preserve=mode,ownership,xattr "$1" "$2"
}}

put_file() {{ # COPY SHA256 MODE OWNER PATH [LIKE]
  if [ "$(sha256sum <"$1" | cut -c 1-64)" != "$2" ]; then wrong "$5: its copy is damaged"; return; fi
  clear_way "$5"
  new=$(hidden "$5")
  if cp "$1" "$new" && chown "$4" "$new" && chmod "$3" "$new" && attributes "${{6:-}}" "$new" &&
    sync "$new" && mv -Tf "$new" "$5" && sync "${{5%/*}}/"
  then say "put back: $5"; else wrong "could not be put back: $5"; fi
}}

put_link() {{ # TARGET PATH
  sweep "$2"
  if [ "$(readlink -- "$2")" = "$1" ]; then return; fi
  clear_way "$2"
  new=$(hidden "$2")
  rm -f "$new"
  if ln -s -- "$1" "$new" && mv -Tf "$new" "$2" && sync "${{2%/*}}/"
  then say "put back: $2"; else wrong "could not be put back: $2"; fi
}}

put_folder() {{ # MODE OWNER PATH
  if [ ! -d "$3" ] || [ -L "$3" ]; then rm -f "$3"; mkdir -p "$3"; fi
  if chown "$2" "$3" && chmod "$1" "$3"; then say "put back: $3"; else wrong "could not be put back: $3"; fi
}}

take_away() {{ # PATH
  sweep "$1"
  if [ -d "$1" ] && [ ! -L "$1" ]; then rmdir "$1" 2>/dev/null; return; fi
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then return; fi
  if rm -f "$1" && sync "${{1%/*}}/"; then say "taken away: $1"; else wrong "could not be taken away: $1"; fi
}}

run_anytime() {{ # NUMBER must|may told|untold COMMAND...: what was done once isn't done again by the next try
  done=ran.$1
  must=$2
  told=$3
  shift 3
  if [ -e "$done" ]; then return; fi
  if [ -n "$boot" ] && [ "$1" = systemctl ]; then shift; set -- systemctl --no-block "$@"; fi
  name="$*"
  output=log
  if [ "$told" = untold ]; then name="(secret)"; output=/dev/null; fi
  say "$ $name"
  if timeout -k 10 {command} "$@" </dev/null >>"$output" 2>&1 9>&-; then
    if [ -z "$boot" ]; then : >"$done"; fi
  elif [ "$must" = must ]; then
    say "failed: $name"
    not_in_effect=yes
  else
    say "failed, which does no harm: $name"
  fi
}}

run() {{ # as run_anytime: what needs running services, which are not there yet when the machine boots
  if [ -n "$boot" ]; then return; fi
  run_anytime "$@"
}}

# Whoever renames `armed` decides: a confirmation made it `confirmed`, or it is `reverting` from now on.
if ! mv -T armed reverting 2>/dev/null && [ ! -e reverting ]; then
  disarm
  exit 0
fi
sync . 2>/dev/null
if [ -z "$boot" ]; then systemctl kill --signal=KILL '{worker}' 2>/dev/null; fi
if ! {{ exec 9>>{lock} && flock -w 60 9; }}; then
  wrong "another job does not let go of the machine"
else
{actions}
fi

tries=$(cat tries 2>/dev/null)
tries=$((${{tries:-0}} + 1))
printf '%s\n' $tries >tries
if [ -n "$not_in_effect" ] && [ $tries -lt {tries} ]; then failed=yes; fi
if [ -n "$failed" ]; then
  motd {failed}
  if [ "$(wc -c <log)" -gt 262144 ]; then tail -c 65536 log >log.new && mv log.new log; fi
  if [ -z "$boot" ] && [ $tries -gt 3 ]; then sleep $((tries < 30 ? tries * 5 : 150)); fi
  exit 1
fi
: >../unseen
if [ -n "$not_in_effect" ]; then motd {restart}; else motd {done}; fi
mv -T reverting reverted # who watches sees it from now on, and takes the message away
sync . ..
disarm
exit 0
"""

_UNIT = """\
# Made by pi-installer-tui for a change that nobody has confirmed yet, and gone when somebody does
[Unit]
Description=Take back an unconfirmed change of pi-installer-tui
DefaultDependencies=no
ConditionPathExists={script}
RequiresMountsFor={state}
After=local-fs.target systemd-remount-fs.service
Before=network-pre.target NetworkManager.service systemd-networkd.service networking.service dhcpcd.service
Before=nftables.service ufw.service ssh.service sshd.service ssh.socket shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/bin/sh "{script}" boot
TimeoutStartSec=10min
Restart=on-failure
RestartSec=10

[Install]
WantedBy=multi-user.target
"""
