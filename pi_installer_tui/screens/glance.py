"""The machine at a glance as lines: what was read so far. A value that a board doesn't have isn't shown; one that can't
be read says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.screens.signs import span
from pi_installer_tui.system.reading import Known, Missing, Reading, Unknown, known
from pi_installer_tui.tasks.words import size
from pi_installer_tui.widgets.lines import Cell, bar, crop
from pi_installer_tui.widgets.text import printable

if TYPE_CHECKING:
    from pi_installer_tui.console import Glyphs
    from pi_installer_tui.system.machine import Disk, Machine

#: columns from which there is room for more than the most important
WIDE = 110
#: share of memory or disk from which it is worth a look
FULL = 0.85
#: degrees Celsius at which a Raspberry Pi begins to slow down (Raspberry Pi documentation, "Frequency management and
#: thermal control")
HOT = 80.0

_POWER = {
    "under-voltage": N_("under-voltage"),
    "frequency-capped": N_("frequency capped"),
    "throttled": N_("throttled"),
    "soft-temperature-limit": N_("hot: slowed down"),
}


def lines(machine: Machine, width: int, signs: Glyphs) -> list[list[Cell]]:
    """The machine in four lines of at most `width` cells, a few more where there is room."""
    wide = width >= WIDE
    about = Cell(printable(", ".join(_system(machine))))
    named = not isinstance(machine.model, Missing)
    first = _line(_model(machine.model) if named else about, [*_heat(machine, signs), *_uptime(machine)], width, signs)
    load = _load(machine)
    if named and cell_len(about.text) + sum(2 + cell_len(c.text) for c in load) > width:
        load = []  # the system is worth more than the load
    second = _line(about if named else Cell(""), load, width, signs)
    third = _line(_addresses(machine, wide), _power(machine, signs), width, signs)
    fourth = [*_memory(machine, signs)]
    disks = known(machine.disks) or ()
    fourth += [cell for disk in disks[:1] for cell in _disk(disk, signs)]
    result = [first, second, third, fourth]
    if wide:
        result += [_disk(disk, signs) for disk in disks[1:4]]
    return result


def named(machine: Machine) -> Iterator[tuple[str, str]]:
    """What is known of the machine, each value with its name."""
    model, memory, load = known(machine.model), known(machine.memory), known(machine.load)
    if model:
        yield _("model"), printable(model)
    for title, reading in ((_("release"), machine.release), (_("kernel"), machine.kernel)):
        if value := known(reading):
            yield title, printable(value)
    if architecture := known(machine.architecture):
        kernel = f" ({architecture.kernel})" if architecture.mixed else ""
        yield _("architecture"), f"{architecture.userland}{kernel}"
    if load is not None and load.cpus:
        yield _("processors"), str(load.cpus)
    if memory is not None:
        said = _("{total}, of which {free} are free").format(total=size(memory.total), free=size(memory.available))
        yield _("memory"), said
    for disk in known(machine.disks) or ():
        said = _("{total} on {device}, of which {free} are free")
        said = said.format(total=size(disk.total), device=disk.device, free=size(disk.free))
        yield _("disk {mount}").format(mount=printable(disk.mount)), printable(said)
    for address in known(machine.addresses) or ():
        how = _("from DHCP, may change") if address.dynamic else _("fixed")
        yield _("network"), printable(f"{address.interface} {address.address}/{address.prefix} ({how})")


def _line(left: Cell, right: Sequence[Cell], width: int, signs: Glyphs) -> list[Cell]:
    """A text on the left, cut where it has to be, and cells on the right end."""
    if not right:
        return [left]
    room = max(0, width - sum(cell_len(c.text) for c in right) - 2)
    return [Cell(crop(left.text, room, signs.more), left.tone), Cell("  "), *right]


def _model(reading: Reading[str] | None) -> Cell:
    if isinstance(reading, Known):
        return Cell(printable(reading.value), "strong")
    if isinstance(reading, Unknown):
        return Cell(f"? {reading.reason}", "warn")
    return Cell(_("reading ...") if reading is None else "", "quiet")


def _uptime(machine: Machine) -> list[Cell]:
    seconds = known(machine.uptime)
    return [] if seconds is None else [Cell(_("up {span}").format(span=span(seconds)))]


def _system(machine: Machine) -> Iterator[str]:
    """Release, kernel and architecture, as far as they are known."""
    release, kernel, architecture = known(machine.release), known(machine.kernel), known(machine.architecture)
    if release:
        yield release
    if kernel:
        yield f"Linux {kernel}"
    if architecture:
        yield f"{architecture.userland} ({architecture.kernel})" if architecture.mixed else architecture.userland


def _addresses(machine: Machine, wide: bool) -> Cell:
    reading = machine.addresses
    if not isinstance(reading, Known):
        return Cell(f"? {reading.reason}", "warn") if isinstance(reading, Unknown) else Cell("")
    shown = [a for a in reading.value if a.family == 4 or wide]
    if not shown:
        return Cell(_("no address"), "warn")
    return Cell(printable("  ".join(f"{a.interface} {a.address}/{a.prefix}" for a in shown)))


def _heat(machine: Machine, signs: Glyphs) -> list[Cell]:
    degrees = known(machine.temperature)
    if degrees is None:
        return []
    if degrees >= HOT:
        return [Cell(f"{signs.warning} {degrees:.0f} {signs.degree}C", "warn"), Cell("   ")]
    return [Cell(f"{degrees:.0f} {signs.degree}C   ")]


def _power(machine: Machine, signs: Glyphs) -> list[Cell]:
    power = known(machine.power)
    if power is None:
        return []
    if power.now:
        return [Cell(f"{signs.warning} {', '.join(_(_POWER.get(name, name)) for name in power.now)}", "bad")]
    if power.since_boot:
        names = ", ".join(_(_POWER.get(name, name)) for name in power.since_boot)
        return [Cell(f"{signs.warning} {_('was')} {names}", "warn")]
    return [Cell(_("power ok"))]


def _load(machine: Machine) -> list[Cell]:
    load = known(machine.load)
    return [] if load is None else [Cell(_("load {n}").format(n=f"{load.averages[0]:.1f}"))]


def _memory(machine: Machine, signs: Glyphs) -> list[Cell]:
    memory = known(machine.memory)
    if memory is None:
        return []
    used = memory.total - memory.available
    return _share(_("memory"), used, memory.total, signs)


def _disk(disk: Disk, signs: Glyphs) -> list[Cell]:
    cells = _share(_("disk {mount}").format(mount=printable(disk.mount)), disk.total - disk.free, disk.total, signs)
    return [*cells, Cell(_("read-only"), "warn")] if disk.read_only else cells


def _share(title: str, used: int, total: int, signs: Glyphs) -> list[Cell]:
    share = used / total if total else 0.0
    full = share >= FULL
    warning = f"{signs.warning} " if full else ""
    return [
        Cell(f"{title} "),
        Cell(bar(share, 10, signs), "warn" if full else "key"),
        Cell(f" {warning}" + _("{used} of {total}").format(used=size(used), total=size(total)) + "   "),
    ]
