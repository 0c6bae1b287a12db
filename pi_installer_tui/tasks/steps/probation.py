"""Probation: steps that revert by themselves unless somebody confirms them. KeepAddress: an old address that stays
meanwhile.

The runner (tasks/runner.py) works on a Probation: it keeps what all of the wrapped steps replace, arms the way back
outside of this program (tasks/probation.py), runs the steps, and waits for the confirmation.
"""

from __future__ import annotations

import asyncio
import json
import posixpath
from collections.abc import Iterable, Mapping
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.steps.base import Overlay, Preview, StepBase, StepContext
from pi_installer_tui.tasks.steps.commands import RunCommand, Unit, run
from pi_installer_tui.tasks.steps.encrypted import EncryptedKey
from pi_installer_tui.tasks.steps.files import Directory, EditFile, Link, RemoveFile, WriteFile
from pi_installer_tui.tasks.steps.restore import Restore
from pi_installer_tui.tasks.steps.secrets import SecretFile
from pi_installer_tui.tasks.steps.wireguard import Tunnel
from pi_installer_tui.tasks.steps.wireguard_sync import SyncTunnel
from pi_installer_tui.tasks.way_back import Back, Run

if TYPE_CHECKING:
    from pi_installer_tui.tasks.before import Before as Kept

#: seconds that an old address stays at the most, whatever becomes of the job that kept it
KEPT = 3720
#: seconds within which somebody has to confirm: at least, at most, and where nobody says otherwise
LEAST, MOST, USUAL = 3, 3600, 120
#: seconds for which gateway and peers must have answered, one look after another, for a confirmation by itself
STEADY = 30

#: seconds in which a network service is through with a change at the latest, and between two looks at it
SETTLES, PAUSE = 10.0, 0.1

InterfaceName = Annotated[str, Field(pattern=r"^[^\s/\x00-][^\s/\x00]{0,14}$")]  # IFNAMSIZ, and no option
PeerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9:][A-Za-z0-9:.%_-]{0,252}$")]


def _interface_address(text: str) -> str:
    if str(ip_interface(text)) != text or "/" not in text:
        raise ValueError("isn't an address with its prefix")
    return text


class Confirmation(Frozen):
    """How what is on probation is confirmed. by: wait: somebody does; auto: gateway and peers answer; none: nothing is
    on probation. seconds: within which. peers: names or addresses, for `auto`."""

    by: Literal["wait", "auto", "none"] = "wait"
    seconds: Annotated[int, Field(ge=LEAST, le=MOST)] = USUAL
    peers: tuple[PeerName, ...] = ()


class KeepAddress(StepBase):
    """An address (with prefix) that an interface had stays beside the new one until the change is confirmed, so that
    what is connected to it stays so. The kernel itself takes it away after an hour (ip-address(8), valid_lft), and new
    connections don't come from it (preferred_lft 0)."""

    kind: Literal["keep-address"] = "keep-address"
    interface: InterfaceName
    address: Annotated[str, AfterValidator(_interface_address)]

    def describe(self) -> str:
        return _("keep {address} on {interface} until it is confirmed").format(
            address=self.address.partition("/")[0], interface=self.interface
        )[:70]

    def paths(self) -> tuple[str, ...]:
        return ()

    def argv(self) -> tuple[str, ...]:
        """The command that keeps it."""
        lifetime = ("valid_lft", str(KEPT), "preferred_lft", "0")
        return ("ip", "address", "add", self.address, "dev", self.interface, *lifetime)

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        return {}

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        return Preview("command", " ".join(self.argv()), undo_text=" ".join(self._away()))

    async def done(self, host: Host) -> bool:
        return any(info.get("deprecated") for info in await self._infos(host, own=True))

    async def capture(self, context: StepContext) -> None:
        """There is nothing to be given back."""

    async def apply(self, context: StepContext) -> None:
        """Waits until the network service is through with the change, for it may do that after its command has ended:
        added before the new address, the old one would be the first of their subnet and take the new one along when it
        goes (Linux, ip-sysctl: promote_secondaries)."""
        loop = asyncio.get_running_loop()
        until = loop.time() + SETTLES
        while loop.time() < until:
            own, others = await self._infos(context.host, own=True), await self._infos(context.host, own=False)
            if (others and not own) or any("dynamic" in info for info in own):
                break
            await asyncio.sleep(PAUSE)
        if not await self._infos(context.host, own=True):
            await run(context, self.argv())

    async def confirmed(self, context: StepContext) -> None:
        """Takes the address away, if it is the one that this step has kept, and no other with it."""
        if not await self.done(context.host):
            return
        name = f"net/ipv4/conf/{self.interface}/promote_secondaries"
        was = (await context.host.text(f"/proc/sys/{name}") or "").strip()
        if was == "0":
            await context.host.run(["sysctl", "-q", "-w", f"{name}=1"])
        await run(context, self._away())
        if was == "0":
            await context.host.run(["sysctl", "-q", "-w", f"{name}=0"])

    def way_back(self, before: Kept) -> tuple[Back, ...]:
        return (Run(self._away(), wanted=False),)

    def _away(self) -> tuple[str, ...]:
        return ("ip", "address", "del", self.address, "dev", self.interface)

    async def _infos(self, host: Host, *, own: bool) -> list[dict[str, Any]]:
        """What ip-address(8) says of this address, or of the other global ones of its version on the interface."""
        asked = await host.run(["ip", "-json", "address", "show", "dev", self.interface])
        try:
            links = json.loads(asked.stdout or "[]") if asked.ok else []
        except ValueError:
            return []
        family = "inet6" if ":" in self.address else "inet"
        return [
            info
            for link in links
            for info in link.get("addr_info", ())
            if info.get("family") == family
            and info.get("scope") == "global"
            and (f"{info.get('local')}/{info.get('prefixlen')}" == self.address) is own
        ]


class Place(Frozen):
    """Where a machine can be reached: an address (with prefix) of an interface; "" is one that DHCP will say."""

    interface: InterfaceName
    address: Annotated[str, AfterValidator(lambda text: text and _interface_address(text))] = ""

    @property
    def host(self) -> str:
        """The address without its prefix."""
        return self.address.partition("/")[0]


class NewLogin(Frozen):
    """What confirms a change that could keep people from logging in: an SSH login that was made after it, by one of
    `users` (who started the job, and whoever may do everything by sudo), over one of `ports` (the port that the change
    opened; none named: over any). back: the ports over which what takes the change back is confirmed."""

    users: Annotated[tuple[Annotated[str, Field(pattern=r"^[^\s:@\x00-\x1f]{1,64}$")], ...], Field(min_length=1)]
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = ()
    back: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = ()

    def reversed(self) -> NewLogin:
        """What confirms that the change was taken back."""
        return self.model_copy(update={"ports": self.back, "back": self.ports})


Wrapped: TypeAlias = Annotated[
    WriteFile
    | EditFile
    | RemoveFile
    | Link
    | Directory
    | RunCommand
    | Unit
    | KeepAddress
    | Restore
    | SecretFile
    | EncryptedKey
    | Tunnel
    | SyncTunnel,
    Field(discriminator="kind"),
]

#: programs that end the machine, with which nothing can be confirmed (systemctl(1))
_ENDS = frozenset({"reboot", "poweroff", "halt", "shutdown", "kexec"})


class Probation(StepBase):
    """Steps that a plain script can take back, and that are taken back unless somebody confirms them within `seconds`
    of the moment in which the way back was armed.

    confirm:   wait: a person confirms. auto: confirmed once the gateway (if there is one) and every one of `peers`
               (names or addresses) have answered for `steady` seconds.
    reaches:   where the machine will be reachable, where it wasn't before; leaves: where it is now and won't be
    login:     it isn't confirmed before somebody has logged in anew; with `auto` that confirms it
    """

    kind: Literal["probation"] = "probation"
    steps: Annotated[tuple[Wrapped, ...], Field(min_length=1)]
    seconds: Annotated[int, Field(ge=LEAST, le=MOST)] = USUAL
    confirm: Literal["wait", "auto"] = "wait"
    peers: tuple[PeerName, ...] = ()
    steady: Annotated[int, Field(ge=0, le=MOST)] = STEADY
    reaches: tuple[Place, ...] = ()
    leaves: tuple[Place, ...] = ()
    login: NewLogin | None = None

    @model_validator(mode="after")
    def _can_be_taken_back(self) -> Probation:
        for step in self.steps:
            if isinstance(step, RunCommand):
                if not (step.again or step.undo_argv or step.touches or step.covered):
                    raise ValueError(f"{step.id}: nothing takes this command back, so it can't be on probation")
                if ends_the_machine(step.argv):
                    raise ValueError(f"{step.id}: a reboot can't be on probation")
            if isinstance(step, Unit) and ends_the_machine(("systemctl", "start", step.name)):
                raise ValueError(f"{step.id}: a reboot can't be on probation")
        return self

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The interfaces that it changes."""
        return tuple(cut.partition(":")[2] for cut in self.cuts if cut.startswith("interface:"))

    def inner(self) -> tuple[StepBase, ...]:
        return self.steps

    def describe(self) -> str:
        return _("wait {seconds} s for a confirmation, else go back").format(seconds=self.seconds)

    def paths(self) -> tuple[str, ...]:
        return ()

    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        return {}

    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        if self.confirm == "wait":
            text = _(
                "The next {count} steps go back by themselves if nobody confirms them within {seconds} s, also when "
                "this program is closed, the connection is lost or the power fails."
            )
        else:
            text = _(
                "The next {count} steps go back by themselves unless, within {seconds} s, {who} answer for {steady} s."
            )
        if self.login is not None and self.login.ports:
            text += " " + _("What counts is an SSH login made after the change, over port {ports}, by {users}.")
        elif self.login is not None:
            text += " " + _("What counts is an SSH login made after the change, by {users}.")
        who = ", ".join((_("the gateway"), *self.peers))
        login = self.login
        values = {"count": len(self.steps), "seconds": self.seconds, "who": who, "steady": self.steady}
        values["users"] = ", ".join(login.users) if login is not None else ""
        values["ports"] = ", ".join(map(str, login.ports)) if login is not None else ""
        return Preview("note", text.format(**values))

    async def done(self, host: Host) -> bool:
        return False

    async def apply(self, context: StepContext) -> None:
        raise NotImplementedError("the runner works on it")


def ends_the_machine(argv: tuple[str, ...]) -> bool:
    """Whether a command reboots the machine or switches it off."""
    words = {posixpath.basename(argv[0]), *(word.partition(".")[0] for word in argv[1:])}
    return posixpath.basename(argv[0]) in _ENDS or (posixpath.basename(argv[0]) == "systemctl" and bool(words & _ENDS))


def without_probation(steps: Iterable[StepBase]) -> tuple[StepBase, ...]:
    """The steps with those that were on probation among them, not to be confirmed. An address that would be kept until
    then isn't."""
    found: list[StepBase] = []
    for step in steps:
        if isinstance(step, Probation):
            found += [inner for inner in step.steps if not isinstance(inner, KeepAddress)]
        else:
            found.append(step)
    return tuple(found)
