"""The narrow forms of texts and numbers in the settings: each ends up in a file, an argument or a request."""

from __future__ import annotations

import posixpath
import re
from typing import Annotated

from pydantic import AfterValidator, Field, StrictInt

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.values import Text, no_doubles, plain
from pi_installer_tui.tasks.secrets import reference

#: what a job may name beside paths (modules/backup/discovery): a kind, or a kind and what of it
_WHAT = re.compile(r"[a-z][a-z-]{1,30}(?::[^\x00-\x1f\x7f]{1,200})?")
_DEVICE = re.compile(r"(?:UUID|LABEL)=[^\x00-\x1f\x7f\"'\\]{1,100}")
#: S3: `Bucket naming rules`; Google's have _ too
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
#: restic puts commas between tags, and those with = are ours
_TAG = re.compile(r"[^\x00-\x1f\x7f,=]{1,60}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,99}")
#: `7d`, `2y5m7d3h` (restic's documentation, `Removing backup snapshots`)
_SPAN = re.compile(r"(?=.)(?:\d{1,4}y)?(?:\d{1,4}m)?(?:\d{1,4}d)?(?:\d{1,4}h)?")


def _path(text: str) -> str:
    if not text.startswith("/") or "\0" in text or "\n" in text or posixpath.normpath(text) != text or text[:2] == "//":
        raise ValueError(_("isn't the whole path of a file or folder, such as /home/pi"))
    return text


def _pattern(text: str) -> str:
    plain(text)
    if text.startswith(("-", "!")):
        raise ValueError(_("can't start with - or !"))
    return text


def _like(form: re.Pattern[str], wrong: str) -> AfterValidator:
    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError(_(wrong))
        return text

    return AfterValidator(check)


Path = Annotated[Text, Field(max_length=4000), AfterValidator(_path)]
Pattern = Annotated[Text, Field(max_length=1000), AfterValidator(_pattern)]
What = Annotated[Text, _like(_WHAT, "is a kind, such as home, or a kind and what of it, such as postgresql:app")]
Device = Annotated[Text, _like(_DEVICE, "is UUID=... or LABEL=..., as lsblk shows it")]
Bucket = Annotated[Text, _like(_BUCKET, "isn't the name of a bucket")]
Tag = Annotated[Text, _like(_TAG, "has neither commas nor = in it")]
User = Annotated[Text, _like(_USER, "isn't a user's name")]
Span = Annotated[Text, _like(_SPAN, "is a time such as 7d, 6m or 1y6m")]
#: a path on a server, or a prefix in a bucket
Inside = Annotated[Text, Field(max_length=500), _like(re.compile(r"[A-Za-z0-9._/+@~ -]{0,500}"), "has odd characters")]
SecretName = Annotated[str, *reference("backup"), Field(max_length=100)]
Count = Annotated[StrictInt, Field(ge=0, le=1000)]
Rate = Annotated[StrictInt, Field(ge=1, le=10_000_000)]
Paths = Annotated[tuple[Path, ...], Field(max_length=200), AfterValidator(no_doubles)]
Patterns = Annotated[tuple[Pattern, ...], Field(max_length=200), AfterValidator(no_doubles)]
Whats = Annotated[tuple[What, ...], Field(max_length=200), AfterValidator(no_doubles)]
Tags = Annotated[tuple[Tag, ...], Field(max_length=20), AfterValidator(no_doubles)]
