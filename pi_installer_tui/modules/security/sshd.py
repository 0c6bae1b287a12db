"""What sshd does: as `sshd -T` says it (the files as they are now), as `sshd -T -C user=…` says it of one user, which
file and line each value comes from, and whether what runs has read them.

Sources: sshd_config(5), sshd(8). The first value of a keyword counts, in the order in which the files are read; Port,
ListenAddress, HostKey, AcceptEnv and AllowUsers and the like add up. What a Match block says outranks what stands
outside of one.
"""

from __future__ import annotations

import asyncio
import fnmatch
import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown, Value, known

CONFIG = "/etc/ssh/sshd_config"
FOLDER = "/etc/ssh/sshd_config.d"
#: our own file
OWN = f"{FOLDER}/00-pi-installer-tui.conf"
SERVICE = "ssh.service"
SOCKET = "ssh.socket"

#: keywords whose values add up (servconf.c)
ADDING = frozenset(
    {"port", "listenaddress", "hostkey", "acceptenv", "allowusers", "allowgroups", "denyusers", "denygroups"}
)
_INCLUDES = 16  # servconf.c, SERVCONF_MAX_DEPTH
_EMPTY: Mapping[str, tuple[str, ...]] = MappingProxyType({})

Effective = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the configuration. keyword: in lower case; match: the criteria of the Match block it stands in."""

    keyword: str
    values: tuple[str, ...]
    source: Source
    text: str
    match: str = ""


@dataclass(frozen=True, slots=True)
class Sshd:
    """effective: keyword (lower case) to its values, each line of `sshd -T` one; MISSING: there is no sshd.
    users: the same of single users, as `sshd -T -C` says.
    lines: every line in the order in which sshd reads them. includes: where FOLDER is included first.
    texts: the files that have these lines, by path. socket: systemd listens in sshd's place, on `addresses` (as
    `[::]`). listening: the ports that are really open. taken: those that another program has, with its name.
    loaded: what runs has read the files as they are now.
    """

    effective: Reading[Effective]
    users: Mapping[str, Reading[Effective]] = field(default_factory=lambda: MappingProxyType({}))
    lines: tuple[Line, ...] = ()
    texts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    includes: bool = False
    running: bool = False
    socket: bool = False
    addresses: tuple[str, ...] = ()
    listening: Reading[tuple[int, ...]] = MISSING
    taken: Reading[Mapping[int, str]] = MISSING
    loaded: Reading[bool] = MISSING
    unreadable: str = ""

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that sshd listens on: what is open, else what is configured."""
        return known(self.listening) or self.configured

    @property
    def configured(self) -> tuple[int, ...]:
        """The ports that sshd's files say, as `sshd -T` reads them."""
        return tuple(sorted({int(p) for p in (known(self.effective) or {}).get("port", ()) if p.isdigit()}))

    def first(self, keyword: str) -> Line | None:
        """The line whose value counts, outside of Match blocks."""
        return next((line for line in self.lines if line.keyword == keyword.lower() and not line.match), None)

    def value(self, keyword: str) -> Value[str]:
        """A keyword's value: where it is configured, and what sshd makes of all files."""
        line = self.first(keyword)
        configured: Reading[str] = MISSING
        if self.unreadable:
            configured = Unknown(self.unreadable)
        elif line is not None:
            values = [each.values for each in self.lines if each.keyword == line.keyword and not each.match]
            words = [v for each in values for v in each] if line.keyword in ADDING else line.values
            configured = Known(" ".join(words), line.source)
        return Value(configured, self.says(keyword))

    def says(self, keyword: str, user: str = "") -> Reading[str]:
        """What `sshd -T` says of a keyword, for a user where it was asked for that one."""
        found = self.users.get(user, self.effective) if user else self.effective
        if not isinstance(found, Known):
            return found
        values = found.value.get(keyword.lower())
        return MISSING if values is None else Known(" ".join(values))


async def read(host: Host, users: Sequence[str] = (), address: str = "") -> Sshd:
    """What sshd does. users: for whom it is asked too, as if they came from `address`."""
    effective = await ask(host, ["sshd", "-T"])
    if not isinstance(effective, Known) and await host.which("sshd") is None:
        return Sshd(effective=MISSING)
    lines: tuple[Line, ...] = ()
    texts: dict[str, str] = {}
    unreadable = ""
    try:
        lines = tuple(await _lines(host, CONFIG, "", texts))
    except (OSError, ValueError) as error:
        unreadable = str(error) if isinstance(error, ValueError) else _("no permission for {path}").format(path=CONFIG)
    per_user = {}
    if isinstance(effective, Known):
        where = f"host={address or 'localhost'},addr={address or '127.0.0.1'}"
        said = await asyncio.gather(*(ask(host, ["sshd", "-T", "-C", f"user={user},{where}"]) for user in users))
        per_user = dict(zip(users, said, strict=True))
    service, socket = await _units(host)
    by_socket = socket.get("ActiveState") == "active"
    streams = re.findall(r"(\S+):(\d+) \(Stream\)", socket.get("Listen", "")) if by_socket else []
    ports = tuple(sorted({int(port) for _address, port in streams}))
    listening, taken = await _listening(host, service.get("MainPID", ""), ports)
    return Sshd(
        effective=effective,
        users=per_user,
        lines=lines,
        texts=texts,
        includes=_includes_first(lines),
        running=service.get("ActiveState") == "active",
        socket=by_socket,
        addresses=tuple(dict.fromkeys(address for address, _port in streams)),
        listening=(Known(ports) if ports else MISSING) if by_socket else listening,
        taken=taken,
        loaded=Known(True)
        if by_socket and service.get("ActiveState") != "active"
        else await _loaded(host, service, lines),
        unreadable=unreadable,
    )


async def ask(host: Host, argv: Sequence[str]) -> Reading[Effective]:
    """What `sshd -T` prints, as keyword and values."""
    try:
        answer = await host.run(argv)
    except CommandNotFound as error:
        return Unknown(str(error))
    if not answer.ok:
        last = (answer.stderr or answer.stdout).strip().splitlines()[-1:] or [""]
        if "no hostkeys available" in last[0] and not host.privileged:
            return Unknown(_("`sshd -T` says it to root only"))
        if "privilege separation directory" in last[0]:  # the service's RuntimeDirectory
            return Unknown(_("`sshd -T` says nothing before sshd has started; systemd starts it with the first login"))
        return Unknown(_("`sshd -T` fails: {why}").format(why=last[0]))
    found: dict[str, tuple[str, ...]] = {}
    for line in answer.stdout.splitlines():
        keyword, _blank, value = line.strip().partition(" ")
        if keyword:
            found[keyword.lower()] = (*found.get(keyword.lower(), ()), value)
    return Known(MappingProxyType(found))


async def _lines(host: Host, path: str, match: str, texts: dict[str, str], depth: int = 0) -> list[Line]:
    """The lines of a file and of those that it includes, whose texts are put into `texts`. A Match block ends with its
    file. Raises OSError, ValueError for a line that isn't one of sshd's."""
    found: list[Line] = []
    texts[path] = await host.text(path) or ""
    for number, text in enumerate(texts[path].splitlines(), 1):
        parsed = re.match(r"\s*([A-Za-z][A-Za-z0-9]*)\s*[\s=]\s*(.*?)\s*$", text)
        if parsed is None:
            if text.strip() and not text.strip().startswith("#"):
                raise ValueError(f"{path}:{number}: {text.strip()[:60]}")
            continue
        keyword = parsed[1].lower()
        try:
            values = tuple(shlex.split(parsed[2], comments=True))
        except ValueError:
            raise ValueError(f"{path}:{number}: {text.strip()[:60]}") from None
        if keyword == "match":
            match = "" if values[:1] and values[0].lower() == "all" and depth == 0 else " ".join(values)
            continue
        found.append(Line(keyword, values, Source(path, number), text.strip(), match))
        if keyword == "include" and depth < _INCLUDES:
            for pattern in values:
                for included in await _glob(host, posixpath.join("/etc/ssh", pattern)):
                    found += await _lines(host, included, match, texts, depth + 1)
    return found


async def _glob(host: Host, pattern: str) -> list[str]:
    """glob(3) for the last part of a path, in the order of the C locale, names that begin with a dot left out."""
    folder, _slash, last = pattern.rpartition("/")
    names = [n for n in await host.listdir(folder) if fnmatch.fnmatchcase(n, last) and not n.startswith(".")]
    return [f"{folder}/{name}" for name in sorted(names, key=lambda n: n.encode("utf-8", "surrogateescape"))]


def _includes_first(lines: Sequence[Line]) -> bool:
    """Whether FOLDER is included before sshd_config itself sets anything."""
    for line in lines:
        if line.source.path == CONFIG:
            wanted = any(posixpath.join("/etc/ssh", v) == f"{FOLDER}/*.conf" for v in line.values)
            return line.keyword == "include" and wanted and not line.match
    return False


async def _units(host: Host) -> tuple[dict[str, str], dict[str, str]]:
    names = ["ActiveState", "ActiveEnterTimestamp", "ExecReload", "Listen", "MainPID"]
    found: list[dict[str, str]] = []
    for unit in (SERVICE, SOCKET):
        properties: dict[str, str] = {}
        try:
            asked = await host.run(["systemctl", "show", "--timestamp=unix", f"--property={','.join(names)}", unit])
        except CommandNotFound:
            asked = None
        for line in asked.stdout.splitlines() if asked is not None else ():
            name, _equals, value = line.partition("=")
            properties[name] = f"{properties.get(name, '')} {value}".strip()
        found.append(properties)
    return found[0], found[1]


async def _listening(
    host: Host, main: str, by_socket: Sequence[int]
) -> tuple[Reading[tuple[int, ...]], Reading[Mapping[int, str]]]:
    """The ports on which sshd listens, and those of other programs with their names. main: the number of the process
    that systemd started; where it isn't known, what is called sshd counts. A session's own listeners (ports that are
    forwarded) aren't sshd's. by_socket: the ports on which systemd listens for sshd. ss(8) shows processes to root
    only."""
    try:
        answer = await host.run(["ss", "-H", "-l", "-t", "-n", "-p"])
    except CommandNotFound as error:
        return Unknown(str(error)), Unknown(str(error))
    why = _("`ss` fails") if not answer.ok else _("`ss` shows whose a port is to root only")
    if not answer.ok or not host.privileged:
        return Unknown(why), Unknown(why)
    own: set[int] = set()
    named: set[int] = set()
    taken: dict[int, str] = {}
    for line in answer.stdout.splitlines():
        found = re.match(r"\S+\s+\d+\s+\d+\s+\S+:(\d+)\s+\S+(?:\s+users:\(\(\"([^\"]*)\")?", line)
        if found is None:
            continue
        port = int(found[1])
        if main not in ("", "0") and re.search(rf"\bpid={main},", line):
            own.add(port)
        elif found[2] == "sshd":
            named.add(port)
        taken.setdefault(port, found[2] or _("another program"))
    ports = tuple(sorted(own or named))
    others = {port: name for port, name in taken.items() if port not in {*ports, *by_socket}}
    return (Known(ports) if ports else MISSING), Known(MappingProxyType(others))


async def _loaded(host: Host, service: Mapping[str, str], lines: Sequence[Line]) -> Reading[bool]:
    """Whether the service was started, or told to read its files again, after the last of them was changed. The times
    of systemd have a resolution of one second."""
    if service.get("ActiveState") != "active":
        return MISSING
    moments = re.findall(r"start_time=\[@(\d+)\]", service.get("ExecReload", ""))
    moments += re.findall(r"@(\d+)", service.get("ActiveEnterTimestamp", ""))
    if not moments:
        return Unknown(_("systemd doesn't say when sshd read its files"))
    changed = 0
    for path in {CONFIG, FOLDER, *(line.source.path for line in lines)}:
        found = await host.stat(path)
        changed = max(changed, found.mtime_ns // 1_000_000_000 if found is not None else 0)
    return Known(changed <= max(map(int, moments)))
