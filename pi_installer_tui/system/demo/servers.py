"""Players of what talks to SSH servers: ssh-keyscan, ssh, sftp. In the demo's network there is one, a NAS that shows
its key and lets nobody in."""

from __future__ import annotations

from pi_installer_tui.system.demo.players import Call, Options, Refused, player

_NAMES = ("nas", "nas.lan", "192.168.1.20")
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF2m0cO5lS3nH1yq4v9n8r7t6u5w4x3y2z1a0b9c8d7e"
_CLOSED = "Connection closed"


def _unknown(host: str) -> str:
    return f"ssh: Could not resolve hostname {host}: Name or service not known"


@player("ssh-keyscan")
async def ssh_keyscan(call: Call) -> int:
    options = call.options("-T=", "-p=", "-t=", "-4", "-6", "-H", "-q")
    port, result = options.value("-p", default="22"), 1
    for host in options.words:
        await call.pause(0.4)
        if host not in _NAMES:
            await call.err(f"getaddrinfo {host}: Name or service not known")
        elif port == "22":
            await call.err(f"# {host}:22 SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7")
            await call.out(f"{host} {_KEY}")
            result = 0
    return result


def _options(call: Call) -> Options:
    return call.options("-o=", "-p=", "-P=", "-l=", "-i=", "-b=", "-F=", "-s", "-q", "-v", "-4", "-6", "-T", "-N")


async def _refused(call: Call, options: Options) -> str:
    """What ssh says before it ends."""
    user, at, host = (options.words or [""])[0].rpartition("@")
    await call.pause(0.6)
    port = options.value("-p", "-P", default="22")
    if host not in _NAMES:
        return _unknown(host)
    if port != "22":
        return f"ssh: connect to host {host} port {port}: Connection refused"
    return f"{options.value('-l', default=user if at else 'root')}@{host}: Permission denied (publickey)."


@player("ssh")
async def ssh(call: Call) -> int:
    raise Refused(await _refused(call, _options(call)), 255)


@player("sftp")
async def sftp(call: Call) -> int:
    raise Refused(f"{await _refused(call, _options(call))}\n{_CLOSED}", 255)
