"""What a step is: a frozen piece of data that can show itself, tell whether it is done, do its work and take it back.

A step's life in a job:

    fingerprint   at review and again under the lock: is the machine as it was shown?
    done          anything to do?
    capture       what it replaces goes to before/<step id>/ (`Before`), durably, before the first byte changes
    apply         the work, telling the runner of output and progress
    undo          (in another job) puts back what `capture` kept

Steps only touch the machine through `StepContext.host`.
"""

from __future__ import annotations

import posixpath
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from pydantic import AfterValidator, Field

from pi_installer_tui.system.host import FileKind, Host
from pi_installer_tui.tasks.frozen import Frozen
from pi_installer_tui.tasks.way_back import Back, paths_back

if TYPE_CHECKING:
    from pathlib import Path

    from pi_installer_tui.tasks.before import Before as Kept
    from pi_installer_tui.tasks.secrets import Secrets


def _normal(path: str) -> str:
    if posixpath.normpath(path) != path or path.startswith("//"):
        raise ValueError("the path has empty parts, . or .. in it")
    return path


StepId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._@-]{0,120}$")]
AbsolutePath = Annotated[str, Field(pattern=r"^/[^\x00\n]*$", max_length=4096), AfterValidator(_normal)]
Argument = Annotated[str, Field(pattern=r"^[^\x00]*$")]

#: What a step may do to its owner, beyond its own words; put into sentences by tasks/risks.py.
Risk = Literal["connection", "service-restart", "reboot", "download", "irreversible", "packages-removed"]


class Before(Protocol):
    """The folder before/<step id>/ of a job: what a step replaced. Everything in it is written durably."""

    async def save_path(self, path: str) -> None:
        """Keeps a path as it is: content, kind, mode, owner, link target; or that nothing is there."""

    async def restore_path(self, path: str) -> None:
        """Puts a kept path back, exactly; what was missing is removed."""

    def paths(self) -> tuple[str, ...]:
        """The kept paths, in the order they were kept."""

    def content(self, path: str) -> bytes | None:
        """The kept content of a file (a link's target as bytes), None where nothing was there."""

    def fingerprint(self, path: str) -> str:
        """The kept path's fingerprint, as `steps.files.fingerprint` gives for one on the machine."""

    def put(self, name: str, value: Any) -> None:
        """Keeps a JSON value under a name: what isn't a file (an enabled unit, package marks)."""

    def get(self, name: str) -> Any:
        """A kept value, None where there is none."""

    def beside(self, name: str) -> Path:
        """Where a step may keep a file of its own, which goes with the job."""


@dataclass(frozen=True)
class StepContext:
    """What a step may use while it works.

    reached: called with a point's name just before the step goes past it (`file:written`, `apt:unpacking`): the
             crash tests' seam, and where a cancellation may take hold.
    secrets: the values behind the names that steps hold; None where there are none (a step on its own).
    report:  says what was done in numbers and names, for the history of runs (events.Reported).
    """

    host: Host
    before: Before
    output: Callable[[bytes], None]
    progress: Callable[..., None]  # (fraction: float | None, phase: str = "", detail: str = "", values: Mapping = {})
    waiting: Callable[[str, str], None]  # (what, holder); holder "" when the wait is over
    reached: Callable[[str], None]
    secrets: Secrets | None = None
    report: Callable[[Mapping[str, Any]], None] = lambda values: None


class StepError(Exception):
    """A step that could not do its work. `reason` and `values` as in events.StepFailed; no secret in them."""

    def __init__(self, reason: str, tail: tuple[str, ...] = (), **values: str) -> None:
        super().__init__(f"{reason} {values}" if values else reason)
        self.reason = reason
        self.values = values
        self.tail = tail


@dataclass(frozen=True, slots=True)
class Preview:
    """What a step will do, to be read before it does: one of

    diff      a unified diff in `text` (for `path`)
    command   the exact command in `text`, quoted for reading; `undo_text` what takes it back
    packages  `packages` with version and download size in bytes (None: unknown)
    note      a sentence in `text`
    """

    kind: Literal["diff", "command", "packages", "note"]
    text: str = ""
    path: str = ""
    undo_text: str = ""
    packages: tuple[PackageChange, ...] = ()
    download: int | None = None  # bytes
    disk: int | None = None  # bytes, negative: freed


@dataclass(frozen=True, slots=True)
class PackageChange:
    """One package of an apt transaction. action: install, upgrade, remove, purge."""

    name: str
    action: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """A path as it is or will be: kind "" where nothing is there; content of a file, target of a link."""

    kind: FileKind | Literal[""] = ""
    content: bytes = field(default=b"", repr=False)
    mode: int = 0
    uid: int = 0
    gid: int = 0
    target: str | None = None


@dataclass
class Overlay:
    """Paths as earlier steps of the plan will leave them, for the previews of later ones. Paths that aren't in it are
    the machine's."""

    files: dict[str, Seen] = field(default_factory=dict)


class StepBase(Frozen):
    """The fields that all steps have."""

    kind: str
    id: StepId
    #: the setting this serves, as a path in the setup file: `system.network.eth0`
    setting: str = ""
    #: ids of steps without which this one makes no sense
    needs: tuple[StepId, ...] = ()
    risks: tuple[Risk, ...] = ()
    #: touches a secret: previews, events and history show `(secret, changed)`
    sensitive: bool = False
    #: connections that it may cut: `interface:eth0`, `port:22`
    cuts: tuple[Annotated[str, Field(pattern=r"^(interface|port):[^\s/]+$")], ...] = ()

    @property
    def activates(self) -> bool:
        """True: the step only makes others take effect (a restart, a reload). Undo runs it again after the others were
        put back, instead of taking it back."""
        return False

    @property
    def secret(self) -> str | None:
        """The name of the secret that it uses or makes."""
        return None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of all secrets that it uses or makes."""
        return () if self.secret is None else (self.secret,)

    @property
    def handed_over(self) -> tuple[str, ...]:
        """Those of the secrets that are given to somebody with more around them, and not shown by themselves."""
        return ()

    def activation(self) -> StepBase | None:
        """What an undo runs again after everything was put back: the step itself where it `activates`, the restart
        alone of a step that changes more, None where nothing has to take effect."""
        return self if self.activates else None

    def inner(self) -> tuple[StepBase, ...]:
        """The steps that this one wraps, in their order."""
        return ()

    def way_back(self, before: Kept) -> tuple[Back, ...]:
        """What takes the step back without this program, out of what `capture` kept; by default its paths. What has to
        take effect afterwards is `activation`'s."""
        return paths_back(before)

    @abstractmethod
    def describe(self) -> str:
        """What the step does, a translated phrase of at most 70 characters: `write /etc/hostname`."""

    @abstractmethod
    def paths(self) -> tuple[str, ...]:
        """Every path it may change. They are kept by `capture`, compared by undo and restored."""

    def folders(self) -> tuple[str, ...]:
        """The folders in which it puts files in their place: what a crash leaves there is swept out."""
        return tuple(dict.fromkeys(path.rpartition("/")[0] or "/" for path in self.paths()))

    @abstractmethod
    async def fingerprint(self, host: Host) -> Mapping[str, str]:
        """What it expects to replace: a fingerprint for each path, and for what isn't a file under a key without a
        leading slash (`unit:ssh.service`)."""

    @abstractmethod
    async def preview(self, host: Host, overlay: Overlay) -> Preview:
        """What will happen; notes in the overlay what the files will be like afterwards. Changes nothing."""

    @abstractmethod
    async def done(self, host: Host) -> bool:
        """Whether the machine already is as this step would leave it."""

    async def capture(self, context: StepContext) -> None:
        """Keeps what the step replaces; by default its paths."""
        for path in self.paths():
            await context.before.save_path(path)

    @abstractmethod
    async def apply(self, context: StepContext) -> None:
        """Does the work. Safe to run again after a crash anywhere in it. Raises StepError."""

    async def confirmed(self, context: StepContext) -> None:
        """Takes away what only had to be there until a probation was confirmed; by default nothing."""

    async def undo(self, context: StepContext, before: Before) -> None:
        """Puts back what `before` kept; by default its paths, last one first. Raises StepError."""
        for path in reversed(before.paths()):
            await before.restore_path(path)

    async def undo_preview(self, host: Host, before: Before) -> Preview | None:
        """What undo will do beside putting paths back; None: nothing."""
        return None
