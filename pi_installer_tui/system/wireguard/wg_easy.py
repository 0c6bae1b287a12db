"""What wg-easy keeps of its tunnel: wg0.json (up to version 14) or wg-easy.db (SQLite, from version 15), as its own
sources have them (src/lib/WireGuard.js; src/server/database/migrations, src/server/utils/wgHelper.ts)."""

from __future__ import annotations

import ipaddress
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from pi_installer_tui.system import sqlite_log
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.wireguard.conf import Conf
from pi_installer_tui.system.wireguard.keys import is_key

#: wg-easy 14 has it in an environment variable only, WG_PORT, of this value where nobody set it
PORT = 51820
#: the first bytes of a database (SQLite, database file format, 1.3)
_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Client:
    """A peer. allowed: what it may send from; expires: `2027-03-01`, "" for never."""

    name: str
    public_key: str
    allowed: tuple[str, ...]
    enabled: bool = True
    expires: str = ""
    preshared: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Server:
    """The tunnel. address: with networks; endpoint, endpoint_port: what clients are told, "" and 0 where that isn't
    kept."""

    address: tuple[str, ...]
    port: int
    private_key: str = field(repr=False)
    clients: tuple[Client, ...] = ()
    mtu: int = 0
    endpoint: str = ""
    endpoint_port: int = 0


def log_of(path: str) -> str:
    """Where SQLite's log of a database lies (4.1)."""
    return f"{path}-wal"


async def read(host: Host, path: str) -> Server:
    """What is in one of the two files, with the log beside a database. Raises ValueError as `parse` does, OSError."""
    data = await host.read(path)
    if not data.startswith(_MAGIC) or await host.stat(log_of(path)) is None:
        return parse(data)
    return parse(data, await host.read(log_of(path)))


def parse(data: bytes, log: bytes = b"") -> Server:
    """What is in one of the two files. log: what SQLite has written beside the database and not yet into it
    (wg-easy.db-wal): wg-easy doesn't close its database when its container is stopped. Raises ValueError, without what
    stands in it."""
    try:
        return _database(sqlite_log.applied(data, log)) if data.startswith(_MAGIC) else _json(data)
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, sqlite3.Error, RecursionError):
        raise ValueError("it isn't a file of wg-easy's") from None


def _json(data: bytes) -> Server:
    try:
        found = json.loads(data)
    except ValueError:
        raise ValueError("it isn't a file of wg-easy's") from None
    server = found["server"]
    clients = tuple(
        Client(
            name=str(each["name"]),
            public_key=_key(each["publicKey"]),
            allowed=(_single(each["address"]),),
            enabled=each.get("enabled", True) is True,
            expires=_day(each.get("expireAt") or each.get("expiredAt")),
            preshared=_key(each["preSharedKey"]) if each.get("preSharedKey") else "",
        )
        for each in found["clients"].values()
    )
    return _fitting(Server((f"{server['address']}/24",), PORT, _key(server["privateKey"]), clients))


def _database(data: bytes) -> Server:
    """The first two of these bytes say that there may be a log beside the file, which one in memory can't have (SQLite,
    database file format, 1.3.3). Versions that have several interfaces say of each client whose it is."""
    plain = data[:18] + b"\x01\x01" + data[20:]
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(plain)
        database.row_factory = sqlite3.Row
        (row,) = database.execute("SELECT * FROM interfaces_table ORDER BY name LIMIT 1")
        users = database.execute("SELECT host, port FROM user_configs_table WHERE id = ?", (row["name"],))
        user = next(iter(users), None)
        table = [dict(each) for each in database.execute("SELECT * FROM clients_table ORDER BY id")]
    clients = tuple(_client(each) for each in table if each.get("interface_id", row["name"]) == row["name"])
    address = tuple(_first(row[key]) for key in ("ipv4_cidr", "ipv6_cidr") if row[key])
    endpoint, outer = (str(user["host"]), int(user["port"])) if user is not None else ("", 0)
    return _fitting(
        Server(address, int(row["port"]), _key(row["private_key"]), clients, int(row["mtu"] or 0), endpoint, outer)
    )


def _client(row: Mapping[str, Any]) -> Client:
    behind = json.loads(row["server_allowed_ips"] or "[]")
    allowed = [_single(row[key]) for key in ("ipv4_address", "ipv6_address") if row[key]]
    allowed += [str(ipaddress.ip_network(each, strict=False)) for each in behind]
    return Client(
        name=str(row["name"]),
        public_key=_key(row["public_key"]),
        allowed=tuple(dict.fromkeys(allowed)),
        enabled=bool(row["enabled"]),
        expires=_day(row["expires_at"]),
        preshared=_key(row["pre_shared_key"]) if row["pre_shared_key"] else "",
    )


def _first(cidr: str) -> str:
    """The machine's own address: the first one of the network."""
    net = ipaddress.ip_network(cidr, strict=False)
    return f"{net[1]}/{net.prefixlen}"


def _single(address: str) -> str:
    return str(ipaddress.ip_network(str(address)))


def _day(moment: object) -> str:
    """The day of `2027-03-01T00:00:00.000Z`."""
    return moment[:10] if isinstance(moment, str) and len(moment) >= 10 else ""


def _key(text: Any) -> str:
    if not isinstance(text, str) or not is_key(text):
        raise ValueError("there is something in a key's place that isn't one")
    return text


def _fitting(server: Server) -> Server:
    for each in server.address:
        ipaddress.ip_interface(each)
    if not 0 < server.port < 65536 or not 0 <= server.endpoint_port < 65536:
        raise ValueError("there is no such port")
    return server


def written(server: Server) -> str:
    """The tunnel as a file of wg-quick's, with its keys. A name that can't stand there becomes one that can."""
    conf = Conf().with_values(None, "Address", server.address)
    values: Mapping[str, str] = {"ListenPort": str(server.port), "PrivateKey": server.private_key}
    for key, value in values.items():
        conf = conf.with_values(None, key, (value,))
    if server.mtu:
        conf = conf.with_values(None, "MTU", (str(server.mtu),))
    for number, each in enumerate(server.clients, 1):
        conf = conf.with_peer(_name(each.name, number), list(_lines(each)), paused=not each.enabled)
    return conf.text


def _lines(client: Client) -> Iterator[tuple[str, str]]:
    yield "PublicKey", client.public_key
    if client.preshared:
        yield "PresharedKey", client.preshared
    yield "AllowedIPs", ", ".join(client.allowed)


def _name(text: str, number: int) -> str:
    found = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return found or f"client-{number}"
