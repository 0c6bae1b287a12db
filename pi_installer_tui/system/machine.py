"""The machine at a glance, for Home and `status`. Each value is read by itself, so that a screen shows them as they
come and looks again only at those that change. What a board doesn't have is Missing, never guessed.

    async for name, reading in glance(host, ONCE): ...        # names are the fields of Machine
    async for name, reading in glance(host, LIVE): ...        # again every few seconds: no command but `ip`
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import CommandNotFound, Host, HostError
from pi_installer_tui.system.reading import MISSING, Known, Missing, Reading, Source, Unknown


@dataclass(frozen=True, slots=True)
class Architecture:
    """userland: Debian's name (armhf, arm64, amd64), by which packages are chosen. kernel: the kernel's (aarch64)."""

    userland: str
    kernel: str

    @property
    def mixed(self) -> bool:
        """A 32-bit userland on a 64-bit kernel, as 32-bit Raspberry Pi OS runs on newer boards."""
        return self.userland in ("armhf", "armel", "i386") and self.kernel in ("aarch64", "x86_64")


@dataclass(frozen=True, slots=True)
class Address:
    """One address of an interface. prefix: its length in bits."""

    interface: str
    address: str
    prefix: int
    dynamic: bool = False

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4


@dataclass(frozen=True, slots=True)
class Power:
    """What the firmware says about supply and heat: each name of `POWER` that holds now, and since boot. since_boot
    None: this board only tells the present."""

    now: tuple[str, ...]
    since_boot: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system; sizes in bytes, free: for others than root."""

    mount: str
    device: str
    kind: str
    total: int
    used: int
    free: int
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. available: what programs can still get without swapping."""

    total: int
    available: int
    swap_total: int
    swap_free: int


@dataclass(frozen=True, slots=True)
class Load:
    """Processes that ran or waited, averaged over 1, 5 and 15 minutes; cpus: how many can run at once."""

    averages: tuple[float, float, float]
    cpus: int | None


@dataclass(frozen=True, slots=True)
class Machine:
    """All of it. A field that is None was not read yet. temperature: degrees Celsius; uptime: seconds."""

    model: Reading[str] | None = None
    release: Reading[str] | None = None
    kernel: Reading[str] | None = None
    architecture: Reading[Architecture] | None = None
    uptime: Reading[float] | None = None
    addresses: Reading[tuple[Address, ...]] | None = None
    temperature: Reading[float] | None = None
    power: Reading[Power] | None = None
    disks: Reading[tuple[Disk, ...]] | None = None
    memory: Reading[Memory] | None = None
    load: Reading[Load] | None = None


async def _text(host: Host, path: str) -> str | Unknown | None:
    """A file's text, stripped; None where it isn't there."""
    try:
        text = await host.text(path)
    except PermissionError:
        return Unknown(_("no permission to read {path}").format(path=path))
    except OSError as error:
        return Unknown(f"{path}: {error.strerror or error}")
    return None if text is None else text.strip("\0 \n")


async def _line(host: Host, *paths: str) -> Reading[str]:
    """The first of several files that is there and says something."""
    first: Reading[str] = MISSING
    for path in paths:
        text = await _text(host, path)
        if isinstance(text, Unknown):
            first = text
        elif text:
            return Known(text, Source(path))
    return first


# what stays ---------------------------------------------------------------------------------------------------------


async def model(host: Host) -> Reading[str]:
    """The board. Sources: the device tree's `model` (Devicetree Specification 2.3.2), on other machines DMI's product
    (Documentation/ABI/testing/sysfs-class-dmi); firmware that only has a placeholder there says nothing."""
    found = await _line(host, "/proc/device-tree/model", "/sys/class/dmi/id/product_name")
    if isinstance(found, Known) and re.fullmatch(r"(?i)(to be filled.*|default string|system product name|none|n/a)",
                                                 found.value):  # fmt: skip
        return Missing(found.source)
    return found


async def release(host: Host) -> Reading[str]:
    """The operating system as os-release(5) names it, Raspberry Pi OS where it is that."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        text = await _text(host, path)
        if isinstance(text, Unknown):
            return text
        if text is not None:
            found = re.findall(r"(?m)^(PRETTY_NAME|VERSION)=(['\"]?)(.*)\2$", text)
            values = {name: value for name, _quote, value in found}
            # 64-bit Raspberry Pi OS calls itself Debian; /etc/rpi-issue is what its image builder leaves (pi-gen)
            if "VERSION" in values and await _text(host, "/etc/rpi-issue") is not None:
                return Known(f"Raspberry Pi OS {values['VERSION']}", Source(path))
            return Known(values["PRETTY_NAME"], Source(path)) if "PRETTY_NAME" in values else Missing(Source(path))
    return MISSING


async def kernel(host: Host) -> Reading[str]:
    """The running kernel's release."""
    return await _line(host, "/proc/sys/kernel/osrelease")


async def architecture(host: Host) -> Reading[Architecture]:
    """Userland and kernel. /proc/sys/kernel/arch is there since Linux 6.1."""
    try:
        done = await host.run(["dpkg", "--print-architecture"])
    except CommandNotFound as error:
        return Unknown(_("{program} is not installed").format(program=error.program))
    if not done.ok or not done.stdout.strip():
        return Unknown(_("dpkg doesn't tell its architecture"))
    running = await _line(host, "/proc/sys/kernel/arch")
    if not isinstance(running, Known):
        try:
            running = Known((await host.run(["uname", "-m"], check=True)).stdout.strip())
        except HostError as error:
            return Unknown(str(error))
    return Known(Architecture(done.stdout.strip(), running.value))


# what changes -------------------------------------------------------------------------------------------------------


async def uptime(host: Host) -> Reading[float]:
    """Seconds since boot (proc_uptime(5))."""
    found = await _line(host, "/proc/uptime")
    return _parsed(found, lambda text: float(text.split()[0]))


async def load(host: Host) -> Reading[Load]:
    """proc_loadavg(5); the CPUs that are online, Documentation/ABI/stable/sysfs-devices-system-cpu."""
    found = await _line(host, "/proc/loadavg")
    online = await _line(host, "/sys/devices/system/cpu/online")
    cpus = _count(online.value) if isinstance(online, Known) else None

    def parse(text: str) -> Load:
        one, five, fifteen = (float(word) for word in text.split()[:3])
        return Load((one, five, fifteen), cpus)

    return _parsed(found, parse)


def _count(ranges: str) -> int | None:
    """How many numbers a list like `0-3,5` has (cpuset(7), list format); None where it isn't one."""
    count = 0
    for part in ranges.split(","):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if found is None:
            return None
        count += int(found[2] or found[1]) - int(found[1]) + 1
    return count


async def memory(host: Host) -> Reading[Memory]:
    """proc_meminfo(5): its kB are 1024 bytes."""
    found = await _line(host, "/proc/meminfo")

    def parse(text: str) -> Memory:
        values = {name: int(rest.split()[0]) * 1024 for name, _c, rest in (x.partition(":") for x in text.splitlines())}
        return Memory(values["MemTotal"], values["MemAvailable"], values["SwapTotal"], values["SwapFree"])

    return _parsed(found, parse)


def _parsed(found: Reading[str], parse: Callable[[str], Any]) -> Reading[Any]:
    if not isinstance(found, Known):
        return found
    try:
        return Known(parse(found.value), found.source)
    except (ValueError, IndexError, KeyError):
        return Unknown(_("{path} can't be read").format(path=found.source))


#: file systems on disks of this machine. Others are memory, or on a network, where asking may hang.
_DISK_KINDS = frozenset({"ext2", "ext3", "ext4", "btrfs", "xfs", "f2fs", "vfat", "exfat", "ntfs3", "zfs", "bcachefs",
                         "overlay", "nilfs2", "jfs", "ntfs", "fuseblk"})  # fmt: skip


async def disks(host: Host) -> Reading[tuple[Disk, ...]]:
    """The file systems on disks, / first, each device once (proc_mounts(5))."""
    text = await _text(host, "/proc/self/mounts")
    if not isinstance(text, str):
        return text or MISSING
    found: dict[str, Disk] = {}
    for line in text.splitlines():
        device, mount, kind, options = (_unescaped(word) for word in line.split()[:4])
        if kind not in _DISK_KINDS or (kind in ("overlay", "fuseblk") and mount != "/" and not device.startswith("/")):
            continue
        if device in found and len(found[device].mount) <= len(mount):
            continue  # a bind mount, or a folder of it mounted a second time
        try:
            usage = await host.disk(mount)
        except OSError:
            continue
        if usage.total:
            read_only = "ro" in options.split(",")
            found[device] = Disk(mount, device, kind, usage.total, usage.used, usage.free, read_only)
    return Known(tuple(sorted(found.values(), key=lambda disk: disk.mount)), Source("/proc/self/mounts"))


def _unescaped(word: str) -> str:
    r"""A field of fstab(5)'s format: blanks stand as \040."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)


async def addresses(host: Host) -> Reading[tuple[Address, ...]]:
    """The addresses by which the machine is reached: of interfaces that are up, loopback, link-local and tentative ones
    left out (ip-address(8))."""
    try:
        done = await host.run(["ip", "-j", "addr"])
    except CommandNotFound as error:
        return Unknown(_("{program} is not installed").format(program=error.program))
    if not done.ok:
        return Unknown(f"ip: {done.stderr.strip()}")
    found: list[Address] = []
    try:
        for link in json.loads(done.stdout):
            if "LOOPBACK" in link["flags"] or "UP" not in link["flags"]:
                continue
            for info in link["addr_info"]:
                if info.get("tentative") or info.get("temporary") or ipaddress.ip_address(info["local"]).is_link_local:
                    continue
                dynamic = bool(info.get("dynamic"))
                found.append(Address(link["ifname"], info["local"], info["prefixlen"], dynamic))
    except (ValueError, KeyError, TypeError):
        return Unknown(_("ip's answer can't be read"))
    return Known(tuple(found))


#: sensors that measure the processor: hwmon names (Documentation/hwmon) and thermal zones' types
_CPU_SENSORS = ("cpu_thermal", "cpu-thermal", "coretemp", "k10temp", "zenpower", "soc_thermal", "soc-thermal",
                "x86_pkg_temp", "bcm2835_thermal")  # fmt: skip


async def temperature(host: Host) -> Reading[float]:
    """The processor's, in degrees Celsius: the thermal zone or the hwmon sensor that says it is the CPU's. Both give
    thousandths (Documentation/driver-api/thermal/sysfs-api.rst, Documentation/hwmon/sysfs-interface.rst)."""
    for base, name, value in (
        ("/sys/class/thermal", "type", "temp"),
        ("/sys/class/hwmon", "name", "temp1_input"),
    ):
        for folder in await host.listdir(base):
            path = f"{base}/{folder}"
            kind = await _text(host, f"{path}/{name}")
            if not folder.startswith("cooling_device") and kind in _CPU_SENSORS:
                found = await _line(host, f"{path}/{value}")
                if isinstance(found, Known):
                    return _parsed(found, lambda text: int(text) / 1000)
    return MISSING


#: The bits of get_throttled, what is now; 16 further on: since boot. Source: Raspberry Pi documentation, "vcgencmd
#: get_throttled" (computers/os.html#get_throttled); bits 3 and 19: raspberrypi/firmware#615.
POWER = ("under-voltage", "frequency-capped", "throttled", "soft-temperature-limit")


def throttled(bits: int) -> Power:
    """The firmware's bits, by their names."""
    return Power(
        now=tuple(name for bit, name in enumerate(POWER) if bits >> bit & 1),
        since_boot=tuple(name for bit, name in enumerate(POWER) if bits >> (bit + 16) & 1),
    )


async def power(host: Host) -> Reading[Power]:
    """Warnings of a Raspberry Pi's firmware; Missing on other boards.

    The firmware driver's get_throttled has all bits, in hexadecimal (raspberrypi/linux#2397); some kernels only ever
    show 0 there (raspberrypi/linux#2367), so rpi_volt's alarm (Documentation/hwmon/raspberrypi-hwmon.rst) is asked
    too, and is all that mainline kernels have.
    """
    alarm = await _rpi_volt(host)
    for folder in await host.listdir("/sys/devices/platform"):
        if not folder.startswith("soc") and "firmware" not in folder:
            continue
        inside = [folder] if "firmware" in folder else []
        if not inside:
            names = await host.listdir(f"/sys/devices/platform/{folder}")
            inside = [f"{folder}/{name}" for name in names if "firmware" in name]
        for name in inside:
            found = await _line(host, f"/sys/devices/platform/{name}/get_throttled")
            if not isinstance(found, Known):
                continue
            reading: Reading[Power] = _parsed(found, lambda text: throttled(int(text, 16)))
            if isinstance(reading, Known) and alarm and "under-voltage" not in reading.value.now:
                now = ("under-voltage", *reading.value.now)
                since = tuple(n for n in POWER if n == "under-voltage" or n in (reading.value.since_boot or ()))
                return Known(Power(now, since), reading.source)
            return reading
    if alarm is None:
        return MISSING
    return Known(Power(("under-voltage",) if alarm else (), None))


async def _rpi_volt(host: Host) -> bool | None:
    """The under-voltage alarm; None where there is no such sensor."""
    for folder in await host.listdir("/sys/class/hwmon"):
        if await _text(host, f"/sys/class/hwmon/{folder}/name") == "rpi_volt":
            value = await _text(host, f"/sys/class/hwmon/{folder}/in0_lcrit_alarm")
            return value == "1" if isinstance(value, str) else None
    return None


# all of it ----------------------------------------------------------------------------------------------------------

_READERS: Mapping[str, Callable[[Host], Awaitable[Reading[Any]]]] = {
    "model": model,
    "release": release,
    "kernel": kernel,
    "uptime": uptime,
    "temperature": temperature,
    "power": power,
    "memory": memory,
    "load": load,
    "disks": disks,
    "addresses": addresses,
    "architecture": architecture,
}

#: what stays as long as the machine runs
ONCE = ("model", "release", "kernel", "architecture")
#: what changes
LIVE = tuple(name for name in _READERS if name not in ONCE)
ALL = tuple(_READERS)


async def glance(host: Host, names: Iterable[str] = ALL) -> AsyncIterator[tuple[str, Reading[Any]]]:
    """The values with these names, each as soon as it is there."""

    async def one(name: str) -> tuple[str, Reading[Any]]:
        try:
            return name, await _READERS[name](host)
        except (OSError, HostError) as error:
            return name, Unknown(str(error))

    tasks = [asyncio.ensure_future(one(name)) for name in names]
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read(host: Host) -> Machine:
    """All of it at once."""
    found = {name: reading async for name, reading in glance(host)}
    assert set(found) == {field.name for field in fields(Machine)}
    return Machine(**found)
