"""The action `clone`: the disk that the machine runs from is copied to another one, for the day on which it dies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.modules.backup.values import Path
from pi_installer_tui.modules.base import Arguments
from pi_installer_tui.system.disks import Block
from pi_installer_tui.tasks.plan import Asked, Blocked, Mistake, Notice, Plan
from pi_installer_tui.tasks.steps import CloneDisk, InstallPackages
from pi_installer_tui.tasks.steps.clone import FILE_SYSTEMS, described
from pi_installer_tui.tasks.words import size

SETTING = "backup.clone"
#: Debian's packages of what the copy is made with
PACKAGES = ("dosfstools", "e2fsprogs", "fdisk", "rsync")
#: what a file system takes itself, and some air
_SPARE = 1.1
_ROOT = "/"


class Clone(Arguments):
    """backup clone"""

    target: Path = Field(
        title=N_("Onto"),
        description=N_("The disk that becomes the copy, such as /dev/sda. All that is on it is lost."),
        json_schema_extra={"choices": "targets"},
    )
    confirm: Annotated[str, Field(max_length=200)] = Field(
        default="",
        title=N_("Its name, typed"),
        description=N_("The serial number of that disk, or its path where it has none: so that it is the right one."),
    )


def name_of(disk: Block) -> str:
    """What has to be typed before a disk is written to."""
    return disk.serial or disk.path


def running(disks: Sequence[Block]) -> Block | None:
    """The disk that the machine runs from."""
    return next((each for each in disks if _ROOT in each.used_for), None)


def targets(disks: Sequence[Block]) -> tuple[Block, ...]:
    """Disks that may become the copy."""
    return tuple(each for each in disks if each.kind == "disk" and not hindered(disks, each))


def hindered(disks: Sequence[Block], target: Block) -> str:
    """Why a disk can't become the copy, in words; "" where it can."""
    source = running(disks)
    if source is None:
        return _("the disk that this machine runs from isn't known")
    if target.path == source.path:
        return _("this machine runs from it")
    if target.used_for:
        return _("it is in use: {mounts}").format(mounts=", ".join(target.used_for))
    if target.read_only:
        return _("it can't be written to")
    return ""


def why_not(disks: Sequence[Block], used: int, target: Block) -> str:
    """Why a disk can't become the copy, its room looked at too; "" where it can. used: bytes that / holds now."""
    if why := hindered(disks, target):
        return why
    source = running(disks)
    if source is None:
        return _("the disk that this machine runs from isn't known")
    return _unlike_a_pi(source) or _too_small(source, used, target)


def _too_small(source: Block, used: int, target: Block) -> str:
    before_last = sum(each.size for each in source.holds[:-1])
    if target.size - before_last >= used * _SPARE:
        return ""
    return _("{disk} is too small: {used} are used here").format(disk=target.path, used=size(used))


def validate(disks: Sequence[Block] | None, told: Clone) -> Sequence[Mistake]:
    """Mistakes that only the disks show."""
    return tuple(_wrong(disks, told)) if disks is not None else ()


def _wrong(disks: Sequence[Block], told: Clone) -> Iterator[Mistake]:
    target = next((each for each in disks if told.target in (each.path, each.link)), None)
    if target is None:
        names = ", ".join(each.path for each in targets(disks)) or _("none")
        yield Mistake("target", _("there is no such disk; the copy can go onto: {names}").format(names=names))
    elif why := hindered(disks, target):
        yield Mistake("target", why)
    elif told.confirm != name_of(target):
        text = _("type {name}, and all that is on it will be lost: {disk}")
        yield Mistake("confirm", text.format(name=name_of(target), disk=described(target)))


def plan(disks: Sequence[Block] | None, used: int, told: Clone) -> Plan:
    """The copy. used: bytes that the root file system holds now."""
    found = disks or ()
    source, target = running(found), next((each for each in found if told.target in (each.path, each.link)), None)
    if source is None or target is None:
        return _blocked(_("the disks can't be read"))
    if why := _unlike_a_pi(source) or _too_small(source, used, target):
        return _blocked(why)
    packages = InstallPackages(id=f"{SETTING}.packages", setting=SETTING, risks=("download",), packages=PACKAGES)
    copy = CloneDisk(
        id=SETTING,
        setting=SETTING,
        needs=(packages.id,),
        risks=("irreversible",),
        source=source.path,
        target=target.link or target.path,
        identity=target.identity,
    )
    texts = (
        _("all that is on {disk} is lost, and no undo brings it back").format(disk=described(target)),
        _(
            "it is the copy of a running system: what a database is writing meanwhile may be torn; stop it before, or "
            "rely on its dumps"
        ),
        _("it keeps the host keys and the machine's id: don't run both in one network at once"),
    )
    return Plan(
        modules=("backup",),
        steps=(packages, copy),
        notices=tuple(Notice(setting=SETTING, text=text) for text in texts),
        asked=Asked(module="backup", action="clone", arguments={"target": told.target}),
    )


def _unlike_a_pi(source: Block) -> str:
    """Why a disk can't be copied so: it is laid out another way than Raspberry Pi OS does."""
    if source.table not in ("dos", "gpt") or not source.holds:
        return _("{disk} has no partitions that could be copied").format(disk=source.path)
    for each in source.holds:
        if each.kind != "part" or each.holds or each.file_system not in FILE_SYSTEMS:
            return _("{path} isn't ext4, FAT or swap, so it can't be copied").format(path=each.path)
        if each.file_system != "swap" and not each.mounts:
            return _("{path} isn't mounted, so it can't be copied").format(path=each.path)
    if source.holds[0].file_system != "vfat":
        return _("this machine doesn't boot as a Raspberry Pi does: a copy wouldn't boot")
    return ""


def _blocked(why: str) -> Plan:
    return Plan(modules=("backup",), blocked=(Blocked(setting=SETTING, why=why),))
