"""Players of the tools for accounts: useradd, usermod, userdel, chage, chpasswd, passwd, getent, id, sudo, visudo,
ssh-keygen, and what homes are packed and removed with."""

from __future__ import annotations

import base64
import datetime
import hashlib
import io
import os
import re
import struct
import tarfile
import textwrap
import time

from pi_installer_tui.system import accounts
from pi_installer_tui.system.accounts import FILES, GROUP, GSHADOW, LISTS, NEVER, PASSWD, SHADOW, SUBGID, SUBUID
from pi_installer_tui.system.demo.players import Call, Refused, player
from pi_installer_tui.system.demo.tree import Machine

_SUDOERS = "/etc/sudoers.d"
#: of a rule in sudoers(5), as far as the demo knows it
_RULE = re.compile(r"(%?[\w.-]+)\s+ALL\s*=\s*\((ALL(?:\s*:\s*ALL)?)\)\s*(NOPASSWD:\s*)?ALL")


def _texts(machine: Machine) -> dict[str, str]:
    return {path: machine.text(path) or "" for path in FILES}


def _put(machine: Machine, path: str, text: str) -> None:
    """One of the account files, its mode and owner as they are, the old one beside it (shadow's own backup)."""
    found = machine.files.stat(path)
    mode = found.mode if found else 0o644
    uid, gid = (found.uid, found.gid) if found else (0, 0)
    data = text.encode()
    if found:
        machine.files.replace(f"{path}-", machine.files.read(path), mode=mode, uid=uid, gid=gid)
    machine.files.replace(path, data, mode=mode, uid=uid, gid=gid)


def _known(machine: Machine, program: str, name: str) -> accounts.Account:
    found = accounts.accounts(_texts(machine)).get(name)
    if found is None:
        raise Refused(f"{program}: user '{name}' does not exist", 6)
    return found


def _set_fields(machine: Machine, path: str, name: str, fields: dict[int, str]) -> None:
    rows = []
    for row in (machine.text(path) or "").split("\n"):
        parts = row.split(":")
        if parts[0] == name and row:
            row = ":".join(fields.get(number, part) for number, part in enumerate(parts))
        rows.append(row)
    _put(machine, path, "\n".join(rows))


def _next_sub(text: str) -> int:
    """The first free range of 65,536, as useradd looks for it."""
    ends = [int(f[1]) + int(f[2]) for f in accounts.lines(text) if len(f) > 2]
    return max([100_000, *ends])


@player("useradd", folder="/usr/sbin")
async def useradd(call: Call) -> int:
    options = call.options(
        "--no-create-home", "--user-group", "--uid=", "--home-dir=", "--shell=", "--comment="
    )  # fmt: skip
    (name,) = options.words
    if not re.fullmatch(r"[a-z_][a-z0-9_-]*", name) or len(name) > 32:
        raise Refused(f"useradd: invalid user name '{name}': use --badname to ignore", 19)
    machine = call.machine
    with machine.locked():
        texts = _texts(machine)
        if name in accounts.accounts(texts):
            raise Refused(f"useradd: user '{name}' already exists", 9)
        if any(f[0] == name for f in accounts.lines(texts[GROUP])):
            raise Refused(
                f"useradd: group {name} exists - if you want to add this user to that group, use the -g option.", 9
            )
        uid = options.value("--uid")
        if any(str(a.uid) == uid for a in accounts.accounts(texts).values()):
            raise Refused(f"useradd: UID {uid} is not unique", 4)
        comment, home, shell = (options.value(o) for o in ("--comment", "--home-dir", "--shell"))
        days = int(time.time() // 86400)
        for path, line in (
            (PASSWD, f"{name}:x:{uid}:{uid}:{comment}:{home}:{shell}"),
            (SHADOW, f"{name}:!:{days}:0:99999:7:::"),
            (GROUP, f"{name}:x:{uid}:"),
            (GSHADOW, f"{name}:!::"),
            (SUBUID, f"{name}:{_next_sub(texts[SUBUID])}:65536"),
            (SUBGID, f"{name}:{_next_sub(texts[SUBGID])}:65536"),
        ):
            _put(machine, path, f"{texts[path]}{line}\n")
    return 0


@player("usermod", folder="/usr/sbin")
async def usermod(call: Call) -> int:
    options = call.options("--comment=", "--shell=", "--groups=", "--expiredate=", "--lock", "--unlock")
    (name,) = options.words
    machine = call.machine
    with machine.locked():
        now = _known(machine, "usermod", name)
        fields = {4: options.value("--comment", default=now.comment), 6: options.value("--shell", default=now.shell)}
        if (now.comment, now.shell) != (fields[4], fields[6]):
            _set_fields(machine, PASSWD, name, fields)
        if options.has("--groups"):
            wanted = [group for group in options.value("--groups").split(",") if group]
            _set_groups(machine, name, wanted)
        shadow = _shadow(machine, name)
        if options.has("--expiredate"):
            shadow[7] = _days(options.value("--expiredate"))
        if options.has("--lock") and not shadow[1].startswith("!"):
            shadow[1] = f"!{shadow[1]}"
        if options.has("--unlock") and shadow[1].startswith("!"):
            if len(shadow[1]) < 2:
                raise Refused("usermod: unlocking the user's password would result in a passwordless account.", 1)
            shadow[1] = shadow[1][1:]
        _set_fields(machine, SHADOW, name, dict(enumerate(shadow)))
    return 0


def _shadow(machine: Machine, name: str) -> list[str]:
    return next(f for f in accounts.lines(machine.text(SHADOW) or "") if f[0] == name)


def _days(date: str) -> str:
    """usermod's EXPIRE_DATE: a day, a number of days since 1970-01-01, or nothing."""
    if not date or date.isdecimal():
        return date
    return str((datetime.date.fromisoformat(date) - datetime.date(1970, 1, 1)).days)


def _set_groups(machine: Machine, name: str, wanted: list[str]) -> None:
    there = {fields[0] for fields in accounts.lines(machine.text(GROUP) or "")}
    for group in wanted:
        if group not in there:
            raise Refused(f"usermod: group '{group}' does not exist", 6)
    for path in LISTS:
        text = machine.text(path) or ""
        present = accounts.memberships(text, name)
        for group in present:
            if group not in wanted:
                text = accounts.without_member(text, group, name)
        for group in wanted:
            if group not in present:
                text = accounts.with_member(text, group, name, 10_000)
        _put(machine, path, text)


@player("userdel", folder="/usr/sbin")
async def userdel(call: Call) -> int:
    (name,) = call.options().words
    machine = call.machine
    with machine.locked():
        _known(machine, "userdel", name)
        _set_groups(machine, name, [])
        for path in FILES:
            _put(machine, path, accounts.without_own(machine.text(path) or "", name))
    return 0


@player("chage")
async def chage(call: Call) -> int:
    options = call.options("--mindays=", "--maxdays=", "--warndays=", "-l", "--list")
    (name,) = options.words
    machine = call.machine
    now = _known(machine, "chage", name)
    if options.has("-l", "--list"):
        last = now.changed + now.max_days if 0 < now.max_days < 10_000 else NEVER
        for title, days, tabs in (
            ("Last password change", now.changed, 5),
            ("Password expires", last, 5),
            ("Password inactive", NEVER, 5),
            ("Account expires", now.expires, 6),
        ):
            await call.out(title + "\t" * tabs + ": " + ("never" if days == NEVER else _date(days)))
        await call.out(f"Minimum number of days between password change\t\t: {now.min_days}")
        await call.out(f"Maximum number of days between password change\t\t: {now.max_days}")
        await call.out(f"Number of days of warning before password expires\t: {now.warn_days}")
        return 0
    with machine.locked():
        fields = {"--mindays": 3, "--maxdays": 4, "--warndays": 5}
        values = {place: options.value(name_) for name_, place in fields.items() if options.has(name_)}
        _set_fields(machine, SHADOW, name, {k: "" if v == "-1" else v for k, v in values.items()})
    return 0


def _date(days: int) -> str:
    return f"{datetime.date(1970, 1, 1) + datetime.timedelta(days=days):%b %d, %Y}"


@player("chpasswd", folder="/usr/sbin")
async def chpasswd(call: Call) -> int:
    options = call.options("-e", "--encrypted")
    machine = call.machine
    with machine.locked():
        for line in call.input.decode().splitlines():
            name, _colon, password = line.partition(":")
            if name not in accounts.accounts(_texts(machine)):
                raise Refused(f"chpasswd: (user {name}) pam_chauthtok() failed, error:\nAuthentication token ...")
            hashed = password
            if not options.has("-e", "--encrypted"):
                digest = base64.b64encode(hashlib.sha256(f"{name}{password}".encode()).digest(), b"./").decode()
                hashed = f"$y$j9T$demo.salt${digest.rstrip('=')}"
            _set_fields(machine, SHADOW, name, {1: hashed, 2: str(int(time.time() // 86400))})
    return 0


@player("pwscore", package="libpwquality-tools")
async def pwscore(call: Call) -> int:
    """Holds a password to the rules of libpwquality's files."""
    rules = {"minlen": 8, "minclass": 0, "dictcheck": 1}
    folder = "/etc/security/pwquality.conf.d"
    names = [name for name in call.machine.files.listdir(folder) if name.endswith(".conf")]
    for path in (*(f"{folder}/{name}" for name in names), "/etc/security/pwquality.conf"):
        for line in (call.machine.text(path) or "").splitlines():
            if match := re.fullmatch(r"\s*([a-z]+)\s*=\s*(-?[0-9]+)\s*", line.partition("#")[0]):
                rules[match[1]] = int(match[2])
    password = call.input.decode().partition("\n")[0]
    words = call.options().words
    kinds = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")
    why = ""
    if len(password) < rules["minlen"]:
        why = f"The password is shorter than {rules['minlen']} characters"
    elif sum(bool(re.search(kind, password)) for kind in kinds) < rules["minclass"]:
        why = f"The password contains less than {rules['minclass']} character classes"
    elif words and words[0] in password.lower():
        why = "The password contains the user name in some form"
    elif rules["dictcheck"] and re.fullmatch(r"[^a-z]*(password|dragon|monkey|letmein)[^a-z]*", password.lower()):
        why = "The password fails the dictionary check - it is based on a dictionary word"
    if why:
        await call.err(f"Password quality check failed:\n {why}")
        return 1
    await call.out(str(min(100, 4 * len(password))))
    return 0


@player("passwd")
async def passwd(call: Call) -> int:
    options = call.options("-S", "--status")
    if not options.has("-S", "--status") or len(options.words) != 1:
        raise Refused("passwd: Authentication token manipulation error", 10)
    now = _known(call.machine, "passwd", options.words[0])
    letter = {"set": "P", "empty": "NP"}.get(now.password, "L")
    changed = datetime.date(1970, 1, 1) + datetime.timedelta(days=now.changed)
    await call.out(f"{now.name} {letter} {changed} {now.min_days} {now.max_days} {now.warn_days} -1")
    return 0


@player("getent")
async def getent(call: Call) -> int:
    database, *names = call.options().words
    if database == "ahosts":
        return await _addresses(call, names[0])
    path = {"passwd": PASSWD, "group": GROUP}[database]
    found = [line for line in (call.machine.text(path) or "").splitlines() if line.partition(":")[0] in names]
    for line in found:
        await call.out(line)
    return 0 if len(found) == len(names) else 2


async def _addresses(call: Call, name: str) -> int:
    """Every name that isn't the machine's own leads to the router: the demo's owner has dynamic DNS."""
    from pi_installer_tui.system.demo.router import OUTSIDE

    lines = [line.split() for line in (call.machine.text("/etc/hosts") or "").splitlines()]
    address = next((words[0] for words in lines if name in words[1:]), OUTSIDE)
    for kind, end in (("STREAM", f" {name}"), ("DGRAM", "  "), ("RAW", "    ")):
        await call.out(f"{address:<15} {kind}{end}")
    return 0


@player("id")
async def identity(call: Call) -> int:
    options = call.options("-n", "-G", "-u", "-g")
    now = accounts.accounts(_texts(call.machine)).get(options.words[0])
    if now is None:
        raise Refused(f"id: ‘{options.words[0]}’: no such user")
    names = {f[2]: f[0] for f in accounts.lines(call.machine.text(GROUP) or "") if len(f) > 2}
    await call.out(" ".join([names.get(str(now.gid), str(now.gid)), *now.groups]))
    return 0


# sudo -----------------------------------------------------------------------------------------------------------


def _sudoers(machine: Machine) -> list[str]:
    paths = [f"{_SUDOERS}/{n}" for n in machine.files.listdir(_SUDOERS) if "." not in n and not n.endswith("~")]
    texts = [machine.text("/etc/sudoers") or "", *(machine.text(path) or "" for path in paths)]
    return [line.strip() for text in texts for line in text.splitlines()]


@player("sudo")
async def sudo(call: Call) -> int:
    options = call.options("-l", "--list", "-n", "-U=", "--other-user=")
    name = options.value("-U", "--other-user")
    machine = call.machine
    now = accounts.accounts(_texts(machine)).get(name)
    if now is None:
        raise Refused(f"sudo: unknown user {name}")
    host = (machine.text("/proc/sys/kernel/hostname") or "").strip()
    rules = []
    for line in _sudoers(machine):
        rule = _RULE.fullmatch(line)
        if rule and (rule[1] == name or (rule[1][0] == "%" and rule[1][1:] in now.groups)):
            who = " : ".join(part.strip() for part in rule[2].split(":"))
            rules.append(f"    ({who}) {'NOPASSWD: ' if rule[3] else ''}ALL")
    if not rules:
        await call.out(f"User {name} is not allowed to run sudo on {host}.")
        return 0
    await call.out(f"Matching Defaults entries for {name} on {host}:\n    env_reset, mail_badpass, use_pty\n")
    await call.out(f"User {name} may run the following commands on {host}:")
    for shown in rules:
        await call.out(shown)
    return 0


@player("visudo", folder="/usr/sbin")
async def visudo(call: Call) -> int:
    options = call.options("-c", "--check", "-f=", "--file=")
    given = options.value("-f", "--file")
    lines = call.input.decode().splitlines() if given == "-" else _sudoers(call.machine)
    for number, line in enumerate(lines, 1):
        words = line.split()
        if given and words and not line.startswith(("#", "Defaults", "@include")) and not _RULE.fullmatch(line.strip()):
            await call.err(f"stdin:{number}:{len(line)}: syntax error\n{line}")
            return 1
    if given:
        await call.out("stdin: parsed OK")
    else:
        await call.out("/etc/sudoers: parsed OK")
        for name in call.machine.files.listdir(_SUDOERS):
            await call.out(f"{_SUDOERS}/{name}: parsed OK")
    return 0


# keys -----------------------------------------------------------------------------------------------------------

_KINDS = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA", "ssh-dss": "DSA"}


@player("ssh-keygen")
async def ssh_keygen(call: Call) -> int:
    """Tells of public keys (`ssh-keygen -l -f FILE`), and makes one."""
    options = call.options("-l", "-q", "-f=", "-t=", "-N=", "-C=")
    path = options.value("-f")
    if options.has("-t"):
        private, public = _pair(options.value("-C"))
        call.machine.files.replace(path, private.encode(), mode=0o600, uid=0, gid=0)
        call.machine.files.replace(f"{path}.pub", public.encode(), mode=0o644, uid=0, gid=0)
        return 0
    text = call.input.decode("utf-8", "replace") if path == "-" else call.machine.text(path)
    if text is None:
        raise Refused(f"ssh-keygen: {path}: No such file or directory", 255)
    found = 0
    for line in text.splitlines():
        match = re.search(r"(?:^|\s)((?:ssh|ecdsa|sk)-[a-z0-9@.-]+)\s+([A-Za-z0-9+/]+=*)(?:\s+(.*))?$", line)
        if line.startswith("#") or match is None:
            continue
        try:
            blob = base64.b64decode(match[2], validate=True)
            fields = _fields(blob)
        except (ValueError, struct.error):
            continue
        if not fields or fields[0] != match[1].encode():
            continue
        found += 1
        kind = _KINDS.get(match[1], "ECDSA" if match[1].startswith("ecdsa") else "ED25519-SK")
        bits = (len(fields[-1]) - 1) * 8 if kind == "RSA" else int(match[1][-3:]) if kind == "ECDSA" else 256
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        await call.out(f"{bits} SHA256:{digest} {match[3] or 'no comment'} ({kind})")
    if not found:
        raise Refused(f"{'(stdin)' if path == '-' else path} is not a public key file.", 255)
    return 0


def _fields(blob: bytes) -> list[bytes]:
    """The strings of a public key (RFC 4253, 6.6)."""
    found = []
    while blob:
        (length,) = struct.unpack(">I", blob[:4])
        if len(blob) < 4 + length:
            raise ValueError(blob)
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def _pair(comment: str) -> tuple[str, str]:
    """Both halves as OpenSSH writes them (PROTOCOL.key); of a demo's the numbers don't belong together."""

    def string(*parts: bytes) -> bytes:
        return b"".join(struct.pack(">I", len(part)) + part for part in parts)

    seed, point, check = os.urandom(32), os.urandom(32), os.urandom(4)
    public = string(b"ssh-ed25519", point)
    private = check * 2 + string(b"ssh-ed25519", point, seed + point, comment.encode())
    private += bytes(range(1, 1 + -len(private) % 8))
    data = b"openssh-key-v1\0" + string(b"none", b"none", b"") + struct.pack(">I", 1) + string(public, private)
    rows = textwrap.wrap(base64.b64encode(data).decode(), 70)
    text = "\n".join(["-----BEGIN OPENSSH PRIVATE KEY-----", *rows, "-----END OPENSSH PRIVATE KEY-----", ""])
    return text, f"ssh-ed25519 {base64.b64encode(public).decode()} {comment}\n"


# homes ----------------------------------------------------------------------------------------------------------


def _walk(machine: Machine, path: str) -> list[str]:
    found = machine.files.stat(path)
    if found is None:
        return []
    below = machine.files.listdir(path) if found.kind == "directory" else ()
    return [path, *(each for name in below for each in _walk(machine, f"{path}/{name}"))]


@player("rm")
async def rm(call: Call) -> int:
    options = call.options("--recursive", "--force", "--one-file-system")
    for path in options.words:
        for each in reversed(_walk(call.machine, path)):
            call.machine.files.remove(each)
    return 0


@player("install")
async def install(call: Call) -> int:
    """`install --mode=MODE /dev/null FILE`: an empty file, with its folders. `install --directory` makes a folder."""
    options = call.options("--mode=", "--directory", "--owner=", "--group=")
    if options.has("--directory"):
        found = accounts.accounts({PASSWD: call.machine.text(PASSWD) or ""}).get(options.value("--owner"))
        group = options.value("--group", default="0")
        path, mode = options.words[-1], int(options.value("--mode", default="755"), 8)
        owner = {"mode": mode, "uid": found.uid if found else 0, "gid": int(group) if group.isdecimal() else 0}
        if not call.machine.exists(path):
            call.machine.files.mkdir(path, **owner)
        call.machine.files.chmod(path, **owner)
        return 0
    call.machine.write(options.words[-1], "", int(options.value("--mode"), 8))
    return 0


@player("rmdir")
async def rmdir(call: Call) -> int:
    for path in (options := call.options("--ignore-fail-on-non-empty")).words:
        if not call.machine.exists(path):
            raise Refused(f"rmdir: failed to remove '{path}': No such file or directory")
        if not call.machine.files.listdir(path):
            call.machine.files.remove(path)
        elif not options.has("--ignore-fail-on-non-empty"):
            raise Refused(f"rmdir: failed to remove '{path}': Directory not empty")
    return 0


@player("mv")
async def mv(call: Call) -> int:
    options = call.options("--no-target-directory")
    source, target = options.words
    files, moved = call.machine.files, _walk(call.machine, source)
    if not moved:
        raise Refused(f"mv: cannot stat '{source}': No such file or directory")
    noted = {path: files.stat(path) for path in moved}
    files.rename(source, target)
    for path, found in noted.items():
        if found is not None and found.kind != "link":
            new = target + path.removeprefix(source)
            files.chmod(new, mode=found.mode, uid=found.uid, gid=found.gid)
    return 0


@player("tar")
async def tar(call: Call) -> int:
    """Packs, compares and unpacks below a folder."""
    options = call.options(
        *("--create", "--compare", "--extract", "--gzip", "--acls", "--xattrs", "--numeric-owner"),
        *("--same-permissions", "--same-owner", "--file=", "--directory="),
    )
    files, archive, base = call.machine.files, options.value("--file"), options.value("--directory")
    if options.has("--create"):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz") as packed:
            for path in _walk(call.machine, f"{base}/{options.words[0]}"):
                found = files.stat(path)
                assert found is not None
                entry = tarfile.TarInfo(path.removeprefix(f"{base}/"))
                entry.mode, entry.uid, entry.gid = found.mode, found.uid, found.gid
                content = files.read(path) if found.kind == "file" else b""
                entry.type = {"directory": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}.get(found.kind, tarfile.REGTYPE)
                entry.size, entry.linkname = len(content), found.target or ""
                packed.addfile(entry, io.BytesIO(content))
        mode = files.stat(archive)
        files.replace(archive, data.getvalue(), mode=mode.mode if mode else 0o644, uid=0, gid=0)
        return 0
    with tarfile.open(fileobj=io.BytesIO(files.read(archive))) as packed:
        for entry in packed:
            path = f"{base}/{entry.name}"
            member = packed.extractfile(entry) if entry.isreg() else None
            content = member.read() if member else b""
            if options.has("--compare"):
                if entry.isreg() and files.read(path) != content:
                    raise Refused(f"{entry.name}: Contents differ")
            elif entry.isdir():
                files.mkdir(path, mode=entry.mode, uid=entry.uid, gid=entry.gid)
            elif entry.issym():
                files.symlink(path, entry.linkname)
            else:
                files.replace(path, content, mode=entry.mode, uid=entry.uid, gid=entry.gid)
    return 0
