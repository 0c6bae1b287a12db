"""What runs in a namespace of the small internet (reach.py): the program's own look at it, and who is at its ends.

python3 -m tests.machines.reach_driver VERB ARGUMENT...
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from dataclasses import asdict

from pi_installer_tui.modules.vpn import mapping, pinholes, verdict, waiting
from pi_installer_tui.system.local import LocalHost
from pi_installer_tui.system.router import igd
from pi_installer_tui.system.router.mapped import RouterError


async def look(port: str, ask: str = "") -> object:
    seen = await verdict.look(LocalHost(), int(port), ask)
    return asdict(verdict.judge(seen))


async def map_port(how: str, port: str) -> object:
    try:
        return asdict((await mapping.ask_router(LocalHost(), "wg0", int(port), how=how)).mapped)
    except mapping.NotMapped as error:
        return {one.protocol: one.reason for one in error.refusals}


async def hole(how: str, port: str) -> object:
    """The port in the router's firewall for IPv6."""
    try:
        found = await pinholes.ask_router(LocalHost(), "wg0", int(port), how=how)
    except mapping.NotMapped as error:
        return {one.protocol: one.reason for one in error.refusals}
    return found and asdict(found.mapped)


async def close() -> object:
    try:
        return await pinholes.take_back(LocalHost(), "wg0")
    except RouterError as error:
        return str(error)


async def renew() -> object:
    return [
        (one.tunnel, one.moved, one.failed, one.kept and one.kept.mapped.outer_port)
        for one in await mapping.renew(LocalHost())
    ]


async def listed() -> object:
    """The router's entry of the mapping that is kept."""
    kept = await mapping.kept(LocalHost(), "wg0")
    assert kept is not None
    found = await igd.find(LocalHost(), kept.mapped.gateway, kept.mapped.inner_address)
    entry = await igd.listed(LocalHost(), *found.connections[0], kept.mapped.outer_port)
    return entry and asdict(entry)


async def back() -> object:
    try:
        return await mapping.take_back(LocalHost(), "wg0")
    except RouterError as error:
        return error.reason


async def send(address: str, port: str) -> object:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"hello", (address, int(port)))
    return True


async def watch(peer: str) -> None:
    """Tells the stage of a peer, as often as it changes."""
    since, last = time.time(), ""
    while True:
        found = await waiting.stage(LocalHost(), "wg0", peer, since)
        said = f"{found.kind}: {found.words[-1]}"
        if said != last:
            print(said, flush=True)
        last = said
        await asyncio.sleep(0.3)


def hear(port: str) -> None:
    """Tells who sent the first datagram."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::", int(port)))
        print("ready", flush=True)
        _data, sender = sock.recvfrom(100)
        print(sender[0].removeprefix("::ffff:"), flush=True)


async def serve(*addresses: str) -> None:
    """A service that tells who asks, as public ones do."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        told = str(writer.get_extra_info("peername")[0]).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, list(addresses), 80)
    print("serving", flush=True)
    await server.serve_forever()


VERBS = {"look": look, "map": map_port, "renew": renew, "listed": listed, "back": back, "send": send,
         "hole": hole, "close": close}  # fmt: skip

if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    if verb == "hear":
        hear(*arguments)
    elif verb in ("serve", "watch"):
        asyncio.run((serve if verb == "serve" else watch)(*arguments))
    else:
        print(json.dumps(asyncio.run(VERBS[verb](*arguments))))  # type: ignore[operator]
