"""Why restic failed, told from its exit status and from what it printed. The patterns are what 0.14 and 0.18, ssh and
the servers really said (docs/backup.md)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pi_installer_tui.restic.answers import Cause, Reason, Trouble

#: restic's exit statuses (its documentation, `Scripting`): of 0.17 and later from 10 on
INCOMPLETE = 3
_NO_REPOSITORY, _LOCKED, _WRONG_PASSWORD, _INTERRUPTED = 10, 11, 12, 130

#: lines of restic's that are kept with a Trouble
_TAIL = 25

#: in the order in which they are tried: what says most comes first
_SAID: tuple[tuple[Reason, Cause, tuple[str, ...]], ...] = (
    ("wrong-password", "", (r"wrong password or no key found",)),
    # what restic works on lies here, not at the place (internal/fs/file_unix.go, TempFile)
    ("no-space", "here", (r"/restic-temp-[^/\s]+: (?:no space left on device|disk quota exceeded)",)),
    (
        "no-space",
        "",
        (
            r"no space left on device",
            r"disk quota exceeded",
            r"\(507\)|507 Insufficient Storage",
            r"QuotaExceeded|XMinioStorageFull|not enough disk space",
        ),
    ),
    ("refused", "host-key-changed", (r"REMOTE HOST IDENTIFICATION HAS CHANGED",)),
    ("refused", "host-key-unknown", (r"No \S+ host key is known for", r"Host key verification failed")),
    ("refused", "ssh-key", (r"Permission denied \((?:publickey|password|keyboard|gssapi)",)),
    (
        "refused",
        "ssh-key-file",
        (
            r"UNPROTECTED PRIVATE KEY FILE",
            r"Load key .*: (?:invalid format|error in libcrypto|Permission denied)",
            r"Identity file .* not accessible",
        ),
    ),
    ("refused", "certificate", (r"x509: ", r"tls: failed to verify", r"certificate (?:has expired|is not)")),
    (
        "refused",
        "not-tls",
        (r"server gave HTTP response to HTTPS client", r"first record does not look like a TLS handshake"),
    ),
    (
        "unreachable",
        "name",
        (r"Could not resolve hostname", r"no such host|server misbehaving", r"Temporary failure in name resolution"),
    ),
    (
        "refused",
        "credentials",
        (
            r"\(401\)|401 Unauthorized|Error 401",
            r"InvalidAccessKeyId|Access Key Id you provided does not exist",
            r"SignatureDoesNotMatch|signature we calculated does not match",
            r"AuthorizationHeaderMalformed|ExpiredToken|AccountProblem|The security token included",
            r"invalid_grant|invalid_client|private key should be a PEM|cannot fetch token: 40[01]",
            r"error getting credentials|could not find default credentials|no authentication found",
        ),
    ),
    (
        "refused",
        "bucket",
        (r"NoSuchBucket|[Ss]pecified bucket does not exist", r"bucket (?:does not|doesn't) exist|Bucket not found"),
    ),
    (
        "refused",
        "forbidden",
        (r"Access Denied|AccessDenied", r"\(403\)|403 Forbidden|Error 403", r"does not have storage\."),
    ),
    ("refused", "password-file", (r"Resolving password failed",)),
    ("refused", "read-only", (r"read-only file system",)),
    ("refused", "permission", (r"permission denied|operation not permitted",)),
    # OpenSSH's sftp-server says it of ENOSPC and EDQUOT too (sftp-server.c, errno_to_portable)
    ("refused", "sftp-failure", (r"SSH_FX_FAILURE|sftp: \"?Failure\"?",)),
    ("unreachable", "no-answer", (r"[Cc]onnection refused",)),
    ("unreachable", "network", (r"[Nn]o route to host|[Nn]etwork is unreachable|[Hh]ost is down",)),
    (
        "unreachable",
        "timeout",
        (r"i/o timeout|[Cc]onnection timed out|TLS handshake timeout", r"Client\.Timeout|deadline exceeded"),
    ),
    (
        "unreachable",
        "server",
        (
            r"\(50[0234]\)|50[0234] (?:Internal|Not Impl|Bad Gateway|Service|Gateway)|Error 50[0-9]",
            r"HTTP response code 50[0-9]",
            r"InternalError|internal error|ServiceUnavailable|SlowDown|reduce your request rate",
        ),
    ),
    (
        "damaged",
        "",
        (
            r"ciphertext verification failed|invalid data returned|hash mismatch|Pack ID does not match",
            r"repository contains errors|LoadIndex returned errors|unable to load tree|unable to decode",
            r"unexpected file size|file is too short|pack [0-9a-f]{64}: does not exist|<data/[0-9a-f]+.*no such file",
            r"not found in (?:repository|index)|StreamPack: ",
        ),
    ),
    (
        "unreachable",
        "cut-off",
        (
            r"connection reset by peer|broken pipe|connection lost|use of closed network|http2: |: EOF$",
            r"subsystem request failed|unable to start the sftp session|server unexpectedly closed connection",
            r"Connection (?:reset|closed)",
        ),
    ),
    ("locked", "", (r"repository is already locked", r"unable to create lock in backend.*locked")),
    ("interrupted", "", (r"context canceled",)),
    ("not-able", "", (r"unknown (?:flag|command|shorthand)", r"unsupported repository version")),
)
_PATTERNS = tuple((re.compile("|".join(patterns)), reason, cause) for reason, cause, patterns in _SAID)

#: what says that nothing is at the place, beside `Is there a repository...`, which 0.14 says of any failure
_NOTHING = re.compile(
    r"config(?: file)?: (?:stat|open|lstat) .*no such file"
    r"|config file does not exist|file does not exist|\(404\)|404 Not Found|specified key does not exist|NoSuchKey"
    r"|object doesn't exist|Error 404"
)
#: the folder of a temporary file
_HERE = re.compile(r"(/\S*)/restic-temp-")
#: where a function of Go's stack is: the line after its name
_FRAME = re.compile(r"\t\S+\.(?:go|s):\d+$")
_LOGIN = re.compile(r"(\w+://[^\s/:@]*):[^\s/@]*@")


def trouble(status: int, lines: Sequence[str]) -> Trouble:
    """Why restic ended with that status, by what it printed. Values: status, cause (`Cause`), and the `line` that
    says it."""
    tail = tuple(line for line in map(_said, _without_traces(lines)) if line.strip())[-_TAIL:]
    if status == _INTERRUPTED or status < 0 or any("signal interrupt received" in line for line in tail):
        return Trouble("interrupted", tail, status=str(status))
    by_status: dict[int, Reason] = {
        _NO_REPOSITORY: "no-repository",
        _LOCKED: "locked",
        _WRONG_PASSWORD: "wrong-password",
    }
    if status in by_status:
        return Trouble(by_status[status], tail, status=str(status))
    for pattern, reason, cause in _PATTERNS:
        line = next((line for line in reversed(tail) if pattern.search(line)), None)
        if line is not None:
            values: dict[str, str] = {"cause": cause} if cause else {}
            if cause == "here" and (found := _HERE.search(line)) is not None:
                values["path"] = found[1]
            return Trouble(reason, tail, status=str(status), line=line.strip()[:300], **values)
    text = "\n".join(tail)
    if _NOTHING.search(text) or "Is there a repository at the following location?" in text:
        return Trouble("no-repository", tail, status=str(status))
    return Trouble("failed", tail, status=str(status), line=_last(tail))


def scrub(lines: Sequence[str], secrets: Sequence[str]) -> tuple[str, ...]:
    """Lines without secrets: those given (also as a URL writes them), and the passwords in URLs."""
    from urllib.parse import quote

    forms = {form for secret in secrets if len(secret) > 3 for form in (secret, quote(secret, safe=""), quote(secret))}
    forms |= {form.replace('"', '\\"') for form in forms}
    cleaned = []
    for line in lines:
        for form in sorted(forms, key=len, reverse=True):
            line = line.replace(form, "***")
        cleaned.append(_LOGIN.sub(r"\1:***@", line))
    return tuple(cleaned)


def _without_traces(lines: Sequence[str]) -> list[str]:
    """Without Go's stack traces, which 0.14 prints where it can't lock, and which are longer than the tail."""
    kept: list[str] = []
    for line in lines:
        if not _FRAME.match(line):
            kept.append(line)
        elif kept:
            kept.pop()
    return kept


def _said(line: str) -> str:
    """A line as text, also where 0.17 and later wrap the last one in JSON."""
    if line.startswith("{"):
        import json

        try:
            found = json.loads(line)
        except ValueError:
            return line
        if isinstance(found, dict) and found.get("message_type") == "exit_error":
            return str(found.get("message", ""))
    return line


def _last(tail: Sequence[str]) -> str:
    """The line that says most: the last that is fatal, else the last."""
    fatal = [line for line in tail if line.startswith("Fatal:")]
    return (fatal or list(tail) or [""])[-1].strip()[:300]
