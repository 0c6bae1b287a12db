"""What all screens have: the title line, the line of keys, and the way to what outlives them (`Shell`, the app)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widget import Widget

from pi_installer_tui.i18n import _
from pi_installer_tui.widgets.bars import KeyBar, TitleBar

if TYPE_CHECKING:
    from textual.signal import Signal

    from pi_installer_tui.console import Profile
    from pi_installer_tui.screens.watch import Watch
    from pi_installer_tui.system.host import Host
    from pi_installer_tui.system.seat import Seat
    from pi_installer_tui.tasks.plan import Plan
    from pi_installer_tui.tasks.store import Store


class Shell(Protocol):
    """What the app is to its screens.

    read_only: why nothing can be changed, in words; "" where it can.
    who, seat: the person, and where they sit (None until the machine was asked).
    opened: published once the machine can be asked. Until then `host` and `store` raise RuntimeError.
    job_changed: published with a job's id, at most ten times a second, while the app watches it.
    """

    read_only: str
    demo: bool
    profile: Profile
    who: str
    seat: Seat | None
    machine_name: str
    opened: Signal[None]
    job_changed: Signal[str]

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes that every title shows: `DEMO`, `READ-ONLY`."""

    @property
    def is_open(self) -> bool:
        """Whether `opened` was published."""

    @property
    def host(self) -> Host:
        """The machine."""

    @property
    def store(self) -> Store:
        """The jobs."""

    async def read_name(self) -> None:
        """Reads the machine's name again, for the titles."""

    def follow_job(self, job: str) -> Watch:
        """Follows a job from its first event on, for as long as the app lives."""

    async def until_idle(self) -> None:
        """Waits until what is big was imported and nobody is typing."""

    # these go on by themselves, whatever becomes of the screen that asks; what goes wrong is shown to the person

    def cancel_job(self, job: str) -> object:
        """Asks a job to stop."""

    def confirm_job(self, job: str) -> object:
        """Says that a job's change stays."""

    def agree_reboot(self, job: str, when: str = "now") -> object:
        """Lets a job reboot the machine: now, or at the next HH:MM."""

    def leave_job(self, job: str) -> object:
        """Leaves an interrupted job as it is, for good."""

    def look_again(self, job: str) -> object:
        """Follows a job anew whose way back ran after its process was gone."""

    def resume_job(self, job: str) -> object:
        """Lets an interrupted job go on, and shows it."""

    def replan(self, job: str, without: str = "") -> object:
        """Plans a job's settings again, from what the machine is now, and shows the plan for review; without a step,
        and without what depends on it."""

    def open_shell(self) -> None:
        """Gives the terminal to a shell until that ends."""

    def start_job(self, plan: Plan, secrets: Mapping[str, str] | None = None) -> object:
        """Runs a reviewed plan as a job and shows it."""

    def show_job(self, job: str) -> object:
        """Shows a job, over the last screen that stays (`ShellScreen.stays`), else over Home."""

    def show_undo(self, job: str) -> object:
        """Plans the way back from a job and shows it for review."""

    def draw_for(self, wish: str) -> None:
        """Draws for another console from now on (a wish as `--console` takes it)."""

    def open_wizard(self) -> object:
        """Opens the wizard."""

    def open_module(self, name: str) -> object:
        """Opens a module's screen."""

    def open_action(self, module: str, action: str) -> object:
        """Opens the form of an action of a module."""

    def act(
        self, module: str, action: str, told: Mapping[str, object], secrets: Mapping[str, str] | None = None
    ) -> object:
        """Plans an action and shows the plan for review. secrets: those that its steps use, by name; they are kept in
        this process until the job is started."""


class ShellScreen(Screen[None], inherit_bindings=False):
    """A screen of the program. place: its name in the registry of actions and in the help. about: what the help says
    of it (marked with N_)."""

    place: ClassVar[str] = ""
    #: further places of the registry whose keys work here
    more: ClassVar[tuple[str, ...]] = ()
    where: ClassVar[str] = ""
    #: ids of the widgets that its workers draw on
    PARTS: ClassVar[tuple[str, ...]] = ()
    about: ClassVar[str] = ""
    #: a job that begins from here, or is opened from here, is shown over it: Esc leads back, and not to Home
    stays: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = []

    @property
    def shell(self) -> Shell:
        """What outlives this screen."""
        return cast(Shell, self.app)

    @property
    def closing(self) -> bool:
        """Its widgets are being taken away: what a worker still brings has nowhere to go."""
        return any(not self.query(f"#{part}") for part in self.PARTS)

    def compose(self) -> ComposeResult:
        bar = TitleBar(id="title")
        bar.where = _(self.where)
        bar.machine = self.shell.machine_name
        bar.modes = self.shell.modes
        yield bar
        yield from self.body()
        yield KeyBar(id="keys")

    def body(self) -> Iterable[Widget]:
        """What stands between the title and the keys."""
        return ()

    def say_doing(self, doing: str) -> None:
        """A quiet remark beside the title."""
        self.query_one(TitleBar).doing = doing

    def say_where(self, where: str) -> None:
        """Another title."""
        self.query_one(TitleBar).where = where
