"""wg-easy's files: what its versions keep becomes a file of wg-quick's with the same keys, and nothing else."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_installer_tui.modules.vpn.actions import Adopt
from pi_installer_tui.modules.vpn.actions import plan as act
from pi_installer_tui.modules.vpn.actions import validate as wrong
from pi_installer_tui.system.reading import MISSING, Known, Unknown
from pi_installer_tui.system.wireguard.conf import Conf, names
from pi_installer_tui.system.wireguard.wg_easy import parse, written
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


def new(folder: Path, *, journal: str = "wal") -> bytes:
    """wg-easy.db with the columns that matter, as version 15 makes them (0000_short_skin.sql)."""
    path = folder / "wg-easy.db"
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA journal_mode={journal}")
        database.executescript(
            "CREATE TABLE interfaces_table (name text PRIMARY KEY, device text, port integer, private_key text,"
            " public_key text, ipv4_cidr text, ipv6_cidr text, mtu integer, enabled integer);"
            "CREATE TABLE user_configs_table (id text PRIMARY KEY, default_dns text, host text, port integer);"
            "CREATE TABLE clients_table (id integer PRIMARY KEY, name text, ipv4_address text, ipv6_address text,"
            " private_key text, public_key text, pre_shared_key text, expires_at text, server_allowed_ips text,"
            " enabled integer);"
        )
        values = (
            "wg0",
            "eth0",
            51830,
            PRIVATE,
            key("public"),
            "10.8.0.0/24",
            "fdcc:ad94:bacf:61a4::cafe:0/112",
            1420,
            1,
        )
        database.execute("INSERT INTO interfaces_table VALUES (?,?,?,?,?,?,?,?,?)", values)
        database.execute("INSERT INTO user_configs_table VALUES ('wg0', '[]', 'vpn.example.org', 51830)")
        for n, (name, expires, behind, enabled) in enumerate(
            [("phone", None, "[]", 1), ("Büro", "2027-03-01T00:00:00.000Z", '["192.168.9.0/24"]', 0)], 2
        ):
            row = (n, name, f"10.8.0.{n}", f"fdcc:ad94:bacf:61a4::cafe:{n}", SECRET, key(name), SECRET, expires)
            database.execute("INSERT INTO clients_table VALUES (?,?,?,?,?,?,?,?,?,?)", (*row, behind, enabled))
    database.close()
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


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_the_new_form(tmp_path: Path, journal: str) -> None:
    server = parse(new(tmp_path, journal=journal))
    assert server.address == ("10.8.0.1/24", "fdcc:ad94:bacf:61a4::cafe:1/112")
    assert (server.port, server.endpoint, server.mtu) == (51830, "vpn.example.org", 1420)
    assert [(each.name, each.enabled, each.expires) for each in server.clients] == [
        ("phone", True, ""),
        ("Büro", False, "2027-03-01"),
    ]
    assert "192.168.9.0/24" in server.clients[1].allowed


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
    assert "vpn.example.org" in config and "2027-03-01" in config


def test_what_hinders_it_is_said(tmp_path: Path) -> None:
    easy = Known(parse(new(tmp_path)))
    told = Adopt(path="/srv/wg-easy/wg-easy.db")
    assert [m.place for m in wrong(bare(), "adopt", told)] == ["path"]
    assert [m.place for m in wrong(replace(bare(), easy=Unknown("stop it")), "adopt", told)] == ["path"]
    taken = replace(bare(ports={51830: "docker-proxy"}), easy=easy)
    assert "container" in wrong(taken, "adopt", told)[0].message
    assert wrong(replace(bare(interfaces=("wg0",)), easy=easy), "adopt", told)[0].place == "tunnel"
    assert act(replace(bare(), easy=MISSING), "adopt", told).blocked


@given(st.text(max_size=30), st.text(max_size=20) | st.sampled_from(["10.8.0.9\nPostUp = sh", "10.8.0.9", "::1"]))
@settings(max_examples=500, deadline=None)
def test_nothing_of_it_becomes_a_line_that_was_not_meant(name: str, address: str) -> None:
    try:
        text = written(parse(old({"name": name, "address": address})))
    except ValueError:
        return
    assert [line.partition(" = ")[0] for line in text.split("\n")] == [
        "[Interface]", "Address", "ListenPort", "PrivateKey", "",
        "[Peer]", "# Name", "PublicKey", "PresharedKey", "AllowedIPs", "",
    ]  # fmt: skip
