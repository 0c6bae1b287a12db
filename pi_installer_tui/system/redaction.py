"""What has to stay at home when a log is shown to somebody else: addresses, mail addresses, and secrets of the forms
that are known. Too much is taken out rather than too little. The same address gets the same number, so that a log can
still be followed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from typing import Literal

Kind = Literal["addresses", "mail", "secrets"]
KINDS: tuple[Kind, ...] = ("addresses", "mail", "secrets")

# nothing is told apart by the letters and digits beside it alone: `_` and other letters may touch an address
_BEFORE, _AFTER = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
_BYTE = r"\d{1,3}"
_V4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_H = r"[0-9A-Fa-f]{1,4}"
#: RFC 4291, 2.2: eight groups, or fewer with ::, the last 32 bits maybe as IPv4; RFC 4007: the zone
_V6 = re.compile(
    rf"{_BEFORE}(?:(?:{_H}:){{6}}{_V4}|(?:{_H}:){{7}}{_H}"
    rf"|(?:{_H}(?::{_H})*)?::(?:(?:{_H}:)*(?:{_V4}|{_H}))|{_H}(?::{_H})*::)(?:%[0-9A-Za-z._-]+)?{_AFTER}"
)
_IPV4 = re.compile(_V4)
_HH = r"[0-9A-Fa-f]{2}"
#: IEEE 802: six bytes with : or -, three groups with dots; netfilter's log has both addresses and the type in one
_MAC = re.compile(
    rf"{_BEFORE}(?:{_HH}(?::{_HH}){{5,}}|{_HH}(?:-{_HH}){{5,}}|[0-9A-Fa-f]{{4}}(?:\.[0-9A-Fa-f]{{4}}){{2}}){_AFTER}"
)
_NETFILTER = re.compile(rf"(?<=MAC=){_HH}(?::{_HH})+")
#: a domain has a dot; `user@1000.service` is a unit
_MAIL = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[\w-]+\.)+(?!(?:service|socket|timer|target|slice|scope|mount|device|path|swap)\b)"
    r"[^\W\d_][\w-]+"
)

#: what is called so has a secret after it; the short words only where no letter touches them (`pin`, not `ping`)
_NAME = (
    r"(?:pass(?:word|wd|phrase|code)|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?"
    r"|authorization|cookie|session[_-]?id|signature|(?<![A-Za-z])(?:pass|pwd|psk|auth|sid|otp|pin|key)(?![A-Za-z]))"
)
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL)
_URL = re.compile(r"(?<=://)[^\s/@?#]*:\S*(?=@)|(?<=://)[^\s/@?#:]+(?=@)")
_ASSIGNED = re.compile(
    rf"(?i)(?P<name>[\w.-]*{_NAME}[\w.-]*[\"']?\s*[=:]\s*)(?P<value>\"(?:[^\"\\]|\\.)*\"|'[^']*'"
    r"|(?:bearer|basic|digest|token|negotiate)\s+\S+|[^\s,;&\"']+)"
)
_OPTION = re.compile(rf"(?i)(?P<name>(?<!\S)--?[\w-]*{_NAME}[\w-]*\s+)(?P<value>\"[^\"]*\"|'[^']*'|[^\s-]\S*)")
_BEARER = re.compile(r"(?i)(?P<name>\b(?:bearer|basic)\s+)(?P<value>[\w.~+/=-]{8,})")
#: as their makers document them: GitHub, GitLab, Slack, OpenAI, AWS, Google, Telegram, ntfy, npm, PyPI, Docker Hub,
#: Hugging Face, Tailscale, SendGrid, JSON Web Tokens (RFC 7519); the addresses of webhooks at Slack and Discord
_TOKEN = re.compile(
    r"(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|gl(?:pat|rt|dt|cbt)-[\w-]{16,}|xox[a-z]-[\w-]{10,}|xapp-[\w-]{10,}"
    r"|sk-[\w-]{16,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30,}|ya29\.[\w-]{10,}|\d{6,12}:[\w-]{30,}|tk_[a-z0-9]{20,}"
    r"|npm_\w{30,}|pypi-[\w-]{20,}|dckr_pat_[\w-]{20,}|hf_\w{20,}|tskey-[\w-]{10,}|SG\.[\w-]{10,}\.[\w-]{10,}"
    r"|eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?"
    r"|(?<=hooks\.slack\.com/services/)\S+|(?<=discord\.com/api/webhooks/)\S+|(?<=discordapp\.com/api/webhooks/)\S+)"
)
#: 32 bytes in base64 (WireGuard's keys, many tokens), and long hexadecimal numbers (keys, digests, ids of machines)
_BLOB = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=|(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}(?![0-9A-Za-z])")
_HIDDEN = "[secret]"


class Redactor:
    """Redacts one text after another. counts: what was taken out so far, by kind."""

    def __init__(self, kinds: Collection[Kind] = KINDS) -> None:
        self._kinds = frozenset(kinds)
        self.counts: Counter[Kind] = Counter()
        self._numbers: dict[tuple[str, str], int] = {}
        self._known: Counter[str] = Counter()

    def redact(self, text: str) -> str:
        """The text without what is of its kinds."""
        if "secrets" in self._kinds:
            text = self._secrets(text)
        if "mail" in self._kinds:
            text = _MAIL.sub(self._numbered("mail", "mail"), text)
        if "addresses" in self._kinds:
            text = _NETFILTER.sub(self._numbered("MAC", "addresses"), text)
            text = _V6.sub(self._numbered("IPv6", "addresses"), text)
            text = _MAC.sub(self._numbered("MAC", "addresses"), text)
            text = _IPV4.sub(self._numbered("IPv4", "addresses"), text)
        return text

    def _secrets(self, text: str) -> str:
        for whole in (_KEY_BLOCK, _URL):
            text = whole.sub(self._hidden, text)
        for named in (_ASSIGNED, _OPTION, _BEARER):
            text = named.sub(self._value, text)
        for whole in (_TOKEN, _BLOB):
            text = whole.sub(self._hidden, text)
        return text

    def _hidden(self, _match: re.Match[str]) -> str:
        self.counts["secrets"] += 1
        return _HIDDEN

    def _value(self, match: re.Match[str]) -> str:
        if match["value"] == _HIDDEN:
            return match[0]
        self.counts["secrets"] += 1
        return match["name"] + _HIDDEN

    def _numbered(self, name: str, kind: Kind) -> Callable[[re.Match[str]], str]:
        def instead(match: re.Match[str]) -> str:
            self.counts[kind] += 1
            key = (name, match[0].casefold())
            if key not in self._numbers:
                self._known[name] += 1
                self._numbers[key] = self._known[name]
            return f"[{name} {self._numbers[key]}]"

        return instead
