"""Asks an ethernet segment whether somebody has an IPv4 address (RFC 5227, 2.1.1), as a program of its own:

    python arp.py INTERFACE ADDRESS        prints the answering hardware address

Exit status 0: somebody answered, 1: nobody did, 2: it can't be asked (no permission, no such interface). Uses the
standard library only, needs CAP_NET_RAW. Debian's base system has no arping.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

ETH_P_ARP = 0x0806
PROBES, INTERVAL = 3, 0.3  # RFC 5227 has up to 2 s between them; a wired host answers in milliseconds


def request(hardware: bytes, address: str) -> bytes:
    """An ARP probe as an ethernet frame: who has `address`, from nobody (sender 0.0.0.0), so no cache is changed."""
    frame = b"\xff" * 6 + hardware + struct.pack("!H", ETH_P_ARP)
    return (
        frame + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + hardware + bytes(4) + bytes(6) + socket.inet_aton(address)
    )


def answer(frame: bytes, hardware: bytes, address: str) -> str:
    """The hardware address of whoever claims `address` in an ARP frame that isn't our own; "" for any other frame."""
    if len(frame) < 42 or frame[12:14] != struct.pack("!H", ETH_P_ARP) or frame[14:20] != b"\x00\x01\x08\x00\x06\x04":
        return ""
    sender, claimed = frame[22:28], frame[28:32]
    if sender == hardware or claimed != socket.inet_aton(address):
        return ""
    return sender.hex(":")


def probe(interface: str, address: str) -> str:
    """Who has the address, "" where nobody says so. Raises OSError."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP)) as link:
        link.bind((interface, ETH_P_ARP))
        hardware: bytes = link.getsockname()[4]
        if len(hardware) != 6:
            raise OSError(f"{interface} is no ethernet")
        for _try in range(PROBES):
            link.send(request(hardware, address))
            end = time.monotonic() + INTERVAL
            while (left := end - time.monotonic()) > 0:
                link.settimeout(left)
                try:
                    found = answer(link.recv(128), hardware, address)
                except TimeoutError:
                    break
                if found:
                    return found
    return ""


if __name__ == "__main__":
    try:
        who = probe(sys.argv[1], sys.argv[2])
    except (OSError, IndexError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    print(who)
    sys.exit(0 if who else 1)
