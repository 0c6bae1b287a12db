"""A bucket of Google Cloud Storage is tried by its JSON API. The service account proves itself by a token that openssl
signs with its key, which goes there as a file that is gone afterwards.

Source: Google's documentation, `Using OAuth 2.0 for Server to Server Applications`, `Cloud Storage JSON API`."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.places import GcsPlace
from pi_installer_tui.modules.backup.trial import repository
from pi_installer_tui.modules.backup.trial.given import scratch
from pi_installer_tui.modules.backup.trial.thread import Tries, in_thread
from pi_installer_tui.modules.backup.trial.tried import Scrub, Tried
from pi_installer_tui.modules.backup.trial.web import Answer, Silent, Web
from pi_installer_tui.system.host import CommandNotFound, Host

API = "https://storage.googleapis.com"
_TOKENS = "https://oauth2.googleapis.com/token"
_SCOPE = "https://www.googleapis.com/auth/devstorage.full_control"


@dataclass(frozen=True, slots=True)
class Account:
    """A service account, as its JSON file has it."""

    email: str
    key: str
    key_id: str
    project: str
    tokens: str

    @classmethod
    def read(cls, text: str) -> Account:
        """Raises ValueError, in words, where it isn't such a file."""
        try:
            found = json.loads(text)
        except ValueError:
            raise ValueError(_("the service account's file isn't JSON")) from None
        if not isinstance(found, dict) or found.get("type") != "service_account":
            raise ValueError(_('this isn\'t a service account\'s file: "type" would be "service_account" in it'))
        missing = [name for name in ("client_email", "private_key") if not isinstance(found.get(name), str)]
        if missing:
            raise ValueError(_("the service account's file lacks {what}").format(what=", ".join(missing)))
        tokens = str(found.get("token_uri") or _TOKENS)
        if not tokens.startswith("https://"):
            raise ValueError(_("the service account's file sends its token to a server without encryption"))
        key_id, project = str(found.get("private_key_id", "")), str(found.get("project_id", ""))
        return cls(found["client_email"], found["private_key"], key_id, project, tokens)


async def tries(
    host: Host, settings: GcsPlace, have: Mapping[str, str], scrub: Scrub, create: bool, *, api: str = API
) -> AsyncIterator[Tried]:
    """What is tried of it. create: the bucket is made where it isn't there."""
    if settings.bucket is None or "secret" not in have:
        yield Tried("settings", False, _("the bucket and the service account have to be given"))
        return
    try:
        account = Account.read(have["secret"])
        assertion = await signed(host, account, int(time.time()))
    except (ValueError, OSError, CommandNotFound) as error:
        yield Tried("settings", False, scrub(str(error)))
        return
    scrub = Scrub([*have.values(), account.key, assertion])
    async for tried in in_thread(lambda: _tries(settings, account, assertion, scrub, create, api)):
        yield tried


async def signed(host: Host, account: Account, now: int) -> str:
    """A JSON Web Token (RFC 7519) that asks for access for an hour, signed by RS256. Raises ValueError where openssl
    doesn't take the key, OSError, CommandNotFound."""
    claims = {"iss": account.email, "scope": _SCOPE, "aud": account.tokens, "iat": now, "exp": now + 3600}
    head = {"alg": "RS256", "typ": "JWT", **({"kid": account.key_id} if account.key_id else {})}
    text = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
    async with scratch(host) as folder:
        key = await folder.put("account.pem", account.key)
        done = await host.run(["openssl", "dgst", "-sha256", "-hex", "-sign", key], input=text.encode())
    found = re.search(r"([0-9a-f]{128,})\s*$", done.stdout)
    if not done.ok or found is None:
        raise ValueError(_("the service account's private key isn't one"))
    return f"{text}.{_encoded(bytes.fromhex(found[1]))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _tries(settings: GcsPlace, account: Account, assertion: str, scrub: Scrub, create: bool, api: str) -> Tries:
    web = Web()
    try:
        token, answer = _token(web, account, assertion)
        yield Tried("reach", True, _("a server answers"))
        if not token:
            said = _("Google doesn't take the service account: {said}").format(said=scrub(answer.said))
            yield Tried("login", False, said)
            return
        yield Tried("login", True, account.email)
        path = (settings.path or "").strip("/")
        project = settings.project or account.project
        bucket = _Bucket(web, api, settings.bucket or "", f"{path}/" if path else "", token, project)
        yield from _bucket(bucket, Scrub([assertion, token, account.key]), create)
    except Silent as error:
        yield Tried("reach", False, scrub(str(error)))


def _token(web: Web, account: Account, assertion: str) -> tuple[str, Answer]:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = web.ask("POST", account.tokens, kind, urlencode(form).encode())
    return (str(_object(answer).get("access_token") or "") if answer.ok else ""), answer


def _object(answer: Answer) -> dict[str, Any]:
    try:
        return answer.json()
    except ValueError:
        raise Silent(_("what answers there isn't Google: {said}").format(said=answer.said)) from None


class _Bucket:
    """The few requests of the JSON API that are needed. All raise Silent."""

    def __init__(self, web: Web, api: str, name: str, prefix: str, token: str, project: str) -> None:
        self._web = web
        self._api = api
        self.name = name
        self.prefix = prefix
        self.project = project
        self._login = {"Authorization": f"Bearer {token}"}

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> Answer:
        headers = {**self._login, **({"Content-Type": kind} if body is not None else {})}
        return self._web.ask(method, self._api + path, headers, body)

    def look(self) -> Answer:
        return self._ask("GET", f"/storage/v1/b/{self.name}")

    def make(self) -> Answer:
        query = urlencode({"project": self.project})
        return self._ask("POST", f"/storage/v1/b?{query}", json.dumps({"name": self.name}).encode())

    def list(self) -> Answer:
        query = urlencode({"prefix": self.prefix, "delimiter": "/", "maxResults": 1000})
        return self._ask("GET", f"/storage/v1/b/{self.name}/o?{query}")

    def put(self, key: str, content: bytes) -> Answer:
        query = urlencode({"uploadType": "media", "name": key})
        path = f"/upload/storage/v1/b/{self.name}/o?{query}"
        return self._ask("POST", path, content, "application/octet-stream")

    def get(self, key: str) -> Answer:
        return self._ask("GET", f"/storage/v1/b/{self.name}/o/{quote(key, safe='')}?alt=media")

    def delete(self, key: str) -> Answer:
        return self._ask("DELETE", f"/storage/v1/b/{self.name}/o/{quote(key, safe='')}")


def _bucket(bucket: _Bucket, scrub: Scrub, create: bool) -> Tries:
    looked = bucket.look()
    if looked.status == 404 and create:
        made = bucket.make()
        if not made.ok:
            said = _("the bucket isn't there, and could not be made: {said}").format(said=scrub(made.said))
            yield Tried("place", False, said)
            return
        yield Tried("place", True, _("the bucket {name} was made").format(name=bucket.name))
        looked = bucket.look()
    elif looked.status == 404:
        said = _("the bucket isn't there, and can be made: {said}").format(said=scrub(looked.said))
        yield Tried("place", False, said)
        return
    elif looked.ok:
        yield Tried("place", True, bucket.name)
    else:
        said = _("the bucket itself can't be looked at, which a backup doesn't need: {said}")
        yield Tried("place", None, said.format(said=scrub(looked.said)))
    if looked.ok:
        about = _object(looked)
        region = str(about.get("location", "")).lower()
        yield Tried("region", None, region or _("this server doesn't tell"), region)
        yield Tried("lock", None, _lock(about))
    listed = bucket.list()
    yield Tried("list", listed.ok, f"{bucket.name}/{bucket.prefix}" if listed.ok else scrub(listed.said))
    yield from _file(bucket, scrub)
    yield Tried("space", None, _("a bucket has no end; what lies there is paid for"))
    if listed.ok:
        found = _object(listed)
        names = [str(item.get("name", "")) for item in found.get("items", [])] + list(found.get("prefixes", []))
        yield repository.found({name.removeprefix(bucket.prefix).rstrip("/") for name in names} - {""})


def _file(bucket: _Bucket, scrub: Scrub) -> Tries:
    key = f"{bucket.prefix}pi-installer-tui-trial-{secrets.token_hex(8)}"
    content = secrets.token_bytes(64)
    there = False
    try:
        put = bucket.put(key, content)
        there = put.ok
        yield Tried("write", put.ok, _("an object was put there") if put.ok else scrub(put.said))
        if not put.ok:
            return
        back = bucket.get(key)
        if not back.ok:
            yield Tried("read", False, scrub(back.said))
        elif back.body != content:
            yield Tried("read", False, _("it isn't what was written"))
        else:
            yield Tried("read", True, _("it is what was written"))
        gone = bucket.delete(key)
        there = False
        if gone.ok:
            yield Tried("delete", True, _("it is gone again"))
        else:
            said = _("{said}. {name} stays there, and old snapshots could not be removed either")
            yield Tried("delete", False, said.format(said=scrub(gone.said), name=key))
    finally:
        if there:
            with contextlib.suppress(Silent):
                bucket.delete(key)


def _lock(about: Mapping[str, Any]) -> str:
    """What a bucket's own settings mean for retention here (its resource in the JSON API)."""
    said: list[str] = []
    seconds = int((about.get("retentionPolicy") or {}).get("retentionPeriod") or 0)
    if seconds:
        text = _(
            "a retention policy: nothing can be deleted for {days:g} days, so that retention, and restic's own locks, "
            "fail until then"
        )
        said.append(text.format(days=round(seconds / 86400, 1)))
    if (about.get("versioning") or {}).get("enabled"):
        said.append(_("versions are kept: what is deleted is paid for until a lifecycle rule deletes its old version"))
    soft = int((about.get("softDeletePolicy") or {}).get("retentionDurationSeconds") or 0)
    if soft:
        text = _("soft deletion: what is deleted is paid for, and can be had back, for {days:g} days")
        said.append(text.format(days=round(soft / 86400, 1)))
    return ". ".join(said) or _("none: what is deleted is gone")
