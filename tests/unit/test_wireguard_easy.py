"""wg-easy's files: what its versions keep becomes a file of wg-quick's with the same keys, and nothing else."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pi_installer_tui.modules.vpn.actions import Adopt
from pi_installer_tui.modules.vpn.actions import plan as act
from pi_installer_tui.modules.vpn.actions import validate as wrong
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.reading import MISSING, Known, Unknown
from pi_installer_tui.system.sqlite_log import applied
from pi_installer_tui.system.wireguard.conf import Conf, names
from pi_installer_tui.system.wireguard.wg_easy import parse, read, written
from pi_installer_tui.tasks.steps import ImportTunnel

from .vpns import bare, key

PRIVATE, SECRET = key("the server's"), key("a client's")


def old(*clients: dict[str, Any]) -> bytes:
    """wg0.json, as version 14 writes it."""
    server = {"privateKey": PRIVATE, "publicKey": key("public"), "address": "10.8.0.1"}
    table = {
        f"id-{n}": {"id": f"id-{n}", "name": f"client {n}", "address": f"10.8.0.{n}", "privateKey": SECRET,
                    "publicKey": key(str(n)), "preSharedKey": SECRET, "enabled": True, **each}
        for n, each in enumerate(clients, 2)
    }  # fmt: skip
    return json.dumps({"server": server, "clients": table}).encode()


#: the columns of version 15.0 (0000_short_skin.sql)
_CLIENT = (
    "id integer PRIMARY KEY AUTOINCREMENT NOT NULL, user_id integer NOT NULL, name text NOT NULL, ipv4_address text"
    " NOT NULL, ipv6_address text NOT NULL, pre_up text DEFAULT '' NOT NULL, post_up text DEFAULT '' NOT NULL, pre_down"
    " text DEFAULT '' NOT NULL, post_down text DEFAULT '' NOT NULL, private_key text NOT NULL, public_key text NOT"
    " NULL, pre_shared_key text, expires_at text, allowed_ips text, server_allowed_ips text NOT NULL,"
    " persistent_keepalive integer NOT NULL, mtu integer NOT NULL, dns text, enabled integer NOT NULL"
)
_INTERFACE = (
    "name text PRIMARY KEY NOT NULL, device text NOT NULL, port integer NOT NULL, private_key text NOT NULL, public_key"
    " text NOT NULL, ipv4_cidr text NOT NULL, ipv6_cidr text NOT NULL, mtu integer NOT NULL, enabled integer NOT NULL"
)
_CONFIG = (
    "id text PRIMARY KEY NOT NULL, default_mtu integer NOT NULL, default_persistent_keepalive integer NOT NULL,"
    " default_dns text NOT NULL, default_allowed_ips text NOT NULL, host text NOT NULL, port integer NOT NULL"
)
#: what came since (0002_keen_sleepwalker.sql to 0012)
_SINCE = {
    "clients_table": ("interface_id text", "firewall_ips text", "j_c integer", "server_endpoint text"),
    "interfaces_table": ("j_c integer DEFAULT 7", "h1 text", "firewall_enabled integer DEFAULT 0 NOT NULL"),
}


@contextmanager
def opened(folder: Path, *, journal: str = "wal", later: bool = False) -> Iterator[Path]:
    """wg-easy.db as version 15 makes it, at work. later: with two interfaces, as versions since have it."""
    path = folder / "wg-easy.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode={journal}")
        tables = {"clients_table": _CLIENT, "interfaces_table": _INTERFACE, "user_configs_table": _CONFIG}
        for table, columns in tables.items():
            database.execute(f"CREATE TABLE {table} ({', '.join((columns, *(_SINCE.get(table, ()) * later)))})")

        def put(table: str, **values: object) -> None:
            marks = ",".join("?" * len(values))
            database.execute(f"INSERT INTO {table} ({','.join(values)}) VALUES ({marks})", tuple(values.values()))

        six = "fdcc:ad94:bacf:61a4::cafe:"
        interface: dict[str, object] = {
            "device": "eth0",
            "private_key": PRIVATE,
            "public_key": key("public"),
            "mtu": 1420,
            "enabled": 1,
        }
        config: dict[str, object] = {"default_mtu": 1420, "default_persistent_keepalive": 0, "default_dns": "[]"}
        for n, name in enumerate(("wg0", "wg1")[: 1 + later]):
            cidrs = {"ipv4_cidr": f"10.{8 + n}.0.0/24", "ipv6_cidr": f"{six[:-1]}{n or ''}:0/112"}
            put("interfaces_table", name=name, port=51830 + n, **cidrs, **interface)
            put("user_configs_table", id=name, host="vpn.example.org", port=443, default_allowed_ips="[]", **config)
        for n, (name, expires, behind, enabled) in enumerate(
            [("phone", None, "[]", 1), ("Büro", "2027-03-01T00:00:00.000Z", '["192.168.9.0/24"]', 0)], 2
        ):
            of = {"ipv4_address": f"10.8.0.{n}", "ipv6_address": f"{six}{n}", "public_key": key(name)}
            more: dict[str, object] = {
                "server_allowed_ips": behind,
                "enabled": enabled,
                "persistent_keepalive": 0,
                "mtu": 1420,
            }
            secret = {"private_key": SECRET, "pre_shared_key": SECRET, "expires_at": expires}
            whose = {"interface_id": "wg0"} if later else {}
            put("clients_table", user_id=1, name=name, **of, **more, **secret, **whose)
        if later:
            other: dict[str, object] = {
                "ipv4_address": "10.9.0.2",
                "ipv6_address": "fdcc::9",
                "public_key": key("other"),
                "mtu": 1420,
            }
            more = {"server_allowed_ips": "[]", "enabled": 1, "persistent_keepalive": "25-30", "private_key": SECRET}
            put("clients_table", user_id=1, name="other", interface_id="wg1", **other, **more)
        yield path


def new(folder: Path, *, journal: str = "wal", later: bool = False) -> bytes:
    """The same, closed as a program does that ends well."""
    with opened(folder, journal=journal, later=later) as path:
        pass
    return path.read_bytes()


def test_the_old_form() -> None:
    server = parse(old({"name": "Tom's phone"}, {"enabled": False, "expireAt": "2027-03-01T10:00:00.000Z"}))
    text = written(server)
    peers = names(Conf(text))
    assert [(name, peer.paused, peer.get("allowedips")) for name, peer in peers.items()] == [
        ("tom-s-phone", False, ("10.8.0.2/32",)),
        ("client-3", True, ("10.8.0.3/32",)),
    ]
    assert f"PrivateKey = {PRIVATE}\n" in text and "Address = 10.8.0.1/24\n" in text
    assert PRIVATE not in repr(server) and SECRET not in repr(server)
    assert text.count(SECRET) == 2, "preshared ones; private keys of clients stay where they are"


@pytest.mark.parametrize(("journal", "later"), [("wal", False), ("delete", False), ("wal", True)])
def test_the_new_form(tmp_path: Path, journal: str, later: bool) -> None:
    server = parse(new(tmp_path, journal=journal, later=later))
    assert server.address == ("10.8.0.1/24", "fdcc:ad94:bacf:61a4::cafe:1/112")
    assert (server.port, server.endpoint, server.endpoint_port, server.mtu) == (51830, "vpn.example.org", 443, 1420)
    assert [(each.name, each.enabled, each.expires) for each in server.clients] == [
        ("phone", True, ""),
        ("Büro", False, "2027-03-01"),
    ]
    assert "192.168.9.0/24" in server.clients[1].allowed


def test_what_wg_easy_never_put_into_its_database_is_read_too(tmp_path: Path) -> None:
    """Its container is killed: all that was changed stands in the log beside the database, and maybe half of more."""
    with opened(tmp_path) as path:
        data, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    with pytest.raises(ValueError, match="wg-easy"):
        parse(data)
    whole = parse(data, log)
    assert [each.name for each in whole.clients] == ["phone", "Büro"] and whole.port == 51830
    with closing(sqlite3.connect(path)) as database:  # SQLite itself agrees
        assert database.execute("SELECT count(*) FROM clients_table").fetchone() == (2,)
    frame = 24 + struct.unpack(">I", log[8:12])[0]
    cut = log[: 32 + (len(log) - 32) // frame * frame]
    assert len(parse(data, cut[:-1]).clients) == 1, "the last transaction isn't whole"
    spoilt = bytearray(cut)
    spoilt[-5] ^= 1
    assert len(parse(data, bytes(spoilt)).clients) == 1, "nor where its checksum is wrong"
    assert applied(data, b"") == applied(data, log[:31]) == data
    killed = tmp_path / "killed" / path.name
    killed.parent.mkdir()
    killed.write_bytes(data)
    Path(f"{killed}-wal").write_bytes(log)
    assert asyncio.run(read(LocalHost(), str(killed))) == whole


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"SQLite format 3\0", b'{"server": {"address": "x"}, "clients": {}}', b"\xff" * 99]
)
def test_what_is_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"it|there"):
        parse(data)


def test_it_is_planned_with_its_own_keys_in_an_order_that_works(tmp_path: Path) -> None:
    state = replace(bare(), easy=Known(parse(new(tmp_path))))
    told = Adopt(path="/srv/wg-easy/wg-easy.db")
    assert not wrong(state, "adopt", told)
    made = act(state, "adopt", told)
    ids = [step.id for step in made.steps]
    assert ids[:3] == ["vpn.packages", "vpn.wg0.import", "vpn.wg0.file"] and ids[-1].startswith("vpn.")
    (come,) = [step for step in made.steps if isinstance(step, ImportTunnel)]
    assert come.source == told.path and PRIVATE not in made.model_dump_json() and SECRET not in made.model_dump_json()
    config = next(step for step in made.steps if step.id == "vpn.config").model_dump()["content"]
    assert "vpn.example.org" in config and "2027-03-01" in config and "endpoint_port: 443" in config


def test_what_hinders_it_is_said(tmp_path: Path) -> None:
    easy = Known(parse(new(tmp_path)))
    told = Adopt(path="/srv/wg-easy/wg-easy.db")
    assert [m.place for m in wrong(bare(), "adopt", told)] == ["path"]
    assert [m.place for m in wrong(replace(bare(), easy=Unknown("stop it")), "adopt", told)] == ["path"]
    taken = replace(bare(ports={51830: "docker-proxy"}), easy=easy)
    assert "container" in wrong(taken, "adopt", told)[0].message
    assert wrong(replace(bare(interfaces=("wg0",)), easy=easy), "adopt", told)[0].place == "tunnel"
    assert act(replace(bare(), easy=MISSING), "adopt", told).blocked
