"""restic's REST server is tried by its own protocol. What is written is a file that no restic takes for its own: one
in `data` that no index names, or, where nothing can be deleted but locks, one in `locks`.

Source: restic's documentation, `REST Backend`; rest-server's and rclone's handlers for what append-only means."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.places import RestPlace
from pi_installer_tui.modules.backup.trial import repository
from pi_installer_tui.modules.backup.trial.thread import Tries, in_thread
from pi_installer_tui.modules.backup.trial.tried import Scrub, Tried
from pi_installer_tui.modules.backup.trial.web import Answer, Silent, Web

_LIST = {"Accept": "application/vnd.x.restic.rest.v2"}


def tries(settings: RestPlace, have: Mapping[str, str], scrub: Scrub) -> AsyncIterator[Tried]:
    """What is tried of it."""
    return in_thread(lambda: _tries(settings, have, scrub))


def _tries(settings: RestPlace, have: Mapping[str, str], scrub: Scrub) -> Tries:
    if settings.url is None:
        yield Tried("settings", False, _("the URL has to be given"))
        return
    if settings.user is not None and "secret" not in have:
        yield Tried("settings", False, _("the user's password has to be given"))
        return
    server = _Server(settings, have)
    try:
        yield from _server(server, scrub)
    except Silent as error:
        yield Tried("reach", False, scrub(str(error)))


class _Server:
    def __init__(self, settings: RestPlace, have: Mapping[str, str]) -> None:
        path = (settings.path or "").strip("/")
        self._base = f"{(settings.url or '').rstrip('/')}/{quote(path)}{'/' if path else ''}"
        self._web = Web(settings.ca or "")
        self.login: dict[str, str] = {}
        if settings.user is not None:
            login = f"{settings.user}:{have['secret']}".encode()
            self.login = {"Authorization": "Basic " + base64.b64encode(login).decode()}

    def ask(self, method: str, what: str, body: bytes | None = None) -> Answer:
        """Raises Silent."""
        kind = {"Content-Type": "application/octet-stream"} if body is not None else {}
        return self._web.ask(method, self._base + what, {**self.login, **_LIST, **kind}, body)


def _server(server: _Server, scrub: Scrub) -> Tries:
    config = server.ask("HEAD", "config")
    if config.status == 401:
        yield Tried("reach", True, _("a server answers"))
        yield Tried("login", False, _("the server doesn't take user and password: {said}").format(said=config.said))
        return
    if config.status not in (200, 403, 404):
        yield Tried("reach", False, _("this isn't restic's REST server: {said}").format(said=scrub(config.said)))
        return
    yield Tried("reach", True, _("a server answers"))
    if config.status == 403:
        said = _("this user may not be here (its own path begins with its name): {said}")
        yield Tried("login", False, said.format(said=config.said))
        return
    yield Tried("login", True, _("user and password are taken") if server.login else _("nobody has to log in"))
    keys = server.ask("GET", "keys/")
    if keys.ok and not _is_list(keys):
        yield Tried("list", False, _("this isn't restic's REST server: it answers with something else than a list"))
        return
    ok = keys.ok or keys.status == 404
    yield Tried("list", ok, _("nothing is there yet") if keys.status == 404 else scrub(keys.said))
    yield from _file(server, scrub)
    yield Tried("space", None, _("this server doesn't tell"))
    yield repository.found({"config"} if config.ok else set())


def _is_list(answer: Answer) -> bool:
    try:
        return isinstance(json.loads(answer.body), list)
    except ValueError:
        return False


def _file(server: _Server, scrub: Scrub) -> Tries:
    nothing = server.ask("DELETE", f"data/{hashlib.sha256(secrets.token_bytes(32)).hexdigest()}")
    keeps = nothing.status == 403
    content = secrets.token_bytes(64)
    name = f"{'locks' if keeps else 'data'}/{hashlib.sha256(content).hexdigest()}"
    wrote = False
    try:
        put = server.ask("POST", name, content)
        wrote = put.ok
        yield Tried("write", put.ok, scrub(put.said))
        if not put.ok:
            return
        back = server.ask("GET", name)
        same = back.ok and back.body == content
        said = (
            scrub(back.said) if not back.ok else _("it is what was written") if same else _("it isn't what was written")
        )
        yield Tried("read", same, said)
        gone = server.ask("DELETE", name)
        wrote = False
        if gone.ok and keeps:
            said = _(
                "this server only lets things be added (append-only): no stolen password can remove a snapshot from "
                "here, and retention has to be done on the server"
            )
            yield Tried("delete", None, said)
        elif gone.ok:
            yield Tried("delete", True, scrub(gone.said))
        else:
            said = _("{said}. {name} stays there, and old snapshots could not be removed either")
            yield Tried("delete", False, said.format(said=scrub(gone.said), name=name))
    finally:
        if wrote:
            server.ask("DELETE", name)
