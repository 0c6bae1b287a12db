"""The way from what was applied to what is wanted: packages, secrets, the repositories, the file that remembers, and
the timers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup import applied, checks, due, placing, timers
from pi_installer_tui.modules.backup.places import PlaceSettings
from pi_installer_tui.modules.backup.placing import place_of, secret_names, secret_path
from pi_installer_tui.modules.backup.settings import BackupSettings
from pi_installer_tui.modules.backup.state import KITS, TRIALS, State
from pi_installer_tui.modules.backup.usual import job_of
from pi_installer_tui.modules.part import Part
from pi_installer_tui.system.reading import MISSING, Known, Unknown, known
from pi_installer_tui.tasks.plan import Blocked, Others, Plan
from pi_installer_tui.tasks.steps import (
    Directory,
    InstallPackages,
    OpenRepository,
    RemoveFile,
    SecretFile,
    Unit,
    WriteFile,
)

NAME = "backup"
_CONFIG, _DUE, _FOLDER, _PACKAGES = f"{NAME}.config", f"{NAME}.due", f"{NAME}.secrets", f"{NAME}.packages"


def plan(state: State, settings: BackupSettings, others: Others) -> Plan:
    """The whole plan."""
    return _Planning(state, settings, others).part.plan(settings)


def step_id(what: str, name: str) -> str:
    """What the step on a secret or place is called; names that differ in case only stay apart."""
    capitals = "".join(str(n) for n, c in enumerate(name) if c.isupper())
    return f"{NAME}.{what}.{name.removeprefix(f'{NAME}.').lower()}{'@' + capitals if capitals else ''}"


class _Planning:
    """One plan, as it is made."""

    def __init__(self, state: State, settings: BackupSettings, others: Others) -> None:
        self.part = Part(NAME)
        self.state, self.settings = state, settings
        if settings == BackupSettings():
            return
        for reading in (state.config, state.secrets, state.timers, state.restic):
            if isinstance(reading, Unknown):
                self.part.block(reading.reason)
                return
        self.there = known(state.secrets) or frozenset()
        self.given = others.secrets - others.to_make
        self.now = state.applied
        self.whole = applied.merged(self.now, settings)
        self.wanted = applied.merged(self.now, self._without_lacking())
        self._packages()
        for name, place in (self.wanted.places or {}).items():
            if name in self.named and name not in self.blocked:
                self._place(name, place)
        self._remember()
        self._units()
        self._forget()
        self._kits()
        self._warn()

    # places -----------------------------------------------------------------------------------------------------------

    def _without_lacking(self) -> BackupSettings:
        """The settings without the places of which a secret is lacking; those are named as blocked."""
        places = self.whole.places or {}
        self.named = {name for name in self.settings.places or {} if name in places} | self._of_jobs()
        self.blocked: set[str] = set()
        for name in sorted(self.named):
            for key, why in self._lacking(name, places[name]):
                self.part.blocked.append(Blocked(setting=f"{NAME}.places.{name}.{key}", why=why))
                self.blocked.add(name)
        if self.settings.places is None:
            return self.settings
        kept = {name: place for name, place in self.settings.places.items() if name not in self.blocked}
        return self.settings.model_copy(update={"places": kept})

    def _of_jobs(self) -> set[str]:
        """Places that the named jobs go to and that have lost a secret: a job can't be right without them."""
        jobs = [name for name in self.settings.jobs or {} if name in (self.whole.jobs or {})]
        places = {place for name in jobs for place in job_of(name, self.whole).places}
        return {name for name in places if {*secret_names(name, (self.whole.places or {})[name])} - self.there}

    def _lacking(self, name: str, place: PlaceSettings) -> Iterator[tuple[str, str]]:
        """The settings that name a secret which has no value and can't be made, and why that is."""
        for key in ("key", "secret"):
            secret = getattr(place, key, None)
            if secret is not None and secret not in self.there | self.given:
                yield key, _("no value was given for the secret {name}").format(name=secret)
        password, before = secret_names(name, place)[0], (self.now.places or {}).get(name)
        lost = before is not None and _opens(name, before) == _opens(name, place) and password not in self.there
        if lost and password not in self.given and not self._emptied(name, place):
            text = _("is gone, and what lies there can't be read without it: give it again as {name}; the kit has it")
            yield "password", text.format(name=password)

    def _packages(self) -> None:
        places = (self.wanted.places or {}).values()
        lacking = ["restic"] if (places or self.wanted.jobs) and self.state.restic == MISSING else []
        if any(place.kind == "sftp" for place in places) and not self.state.ssh:
            lacking.append("openssh-client")
        if lacking:
            self.part.steps.append(InstallPackages(id=_PACKAGES, setting=NAME, packages=tuple(lacking)))

    def _place(self, name: str, place: PlaceSettings) -> None:
        """The secrets of a place, its server's key, and its repository."""
        setting, before = f"{NAME}.places.{name}", (self.now.places or {}).get(name)
        password, *rest = secret_names(name, place)
        new = [secret for secret in rest if secret in self.given]
        steps: list[SecretFile | WriteFile] = [self._secret(setting, secret) for secret in new]
        if password not in self.there:
            steps.insert(0, self._secret(setting, password, make=True))
        elif password in self.given and before is None:
            steps.insert(0, self._secret(setting, password))
        elif password in self.given:
            text = _("the password of {place} stays as it is: what lies there is encrypted with it")
            self.part.notice(text.format(place=name))
        if (hosts := placing.known_hosts(name, place)) is not None and self.state.known_hosts.get(name) != hosts[1]:
            path, content = hosts
            steps.append(
                WriteFile(id=step_id("host-key", name), setting=setting, path=path, content=content, mode=0o644)
            )
        if steps and not self.state.folder and _FOLDER not in self.part.ids():
            self.part.steps.append(Directory(id=_FOLDER, setting=NAME, path=placing.SECRETS, mode=0o700))
        needs = tuple(each for each in self.part.ids() if each == _FOLDER)
        self.part.steps += [step.model_copy(update={"needs": needs}) for step in steps]
        if steps or before != place or (place.kind == "folder" and self._emptied(name, place)):
            self._open(name, place, tuple(step.id for step in steps))

    def _secret(self, setting: str, secret: str, *, make: bool = False) -> SecretFile:
        return SecretFile(
            id=step_id("secret", secret),
            setting=setting,
            path=secret_path(secret),
            name=secret,
            make=make,
            sensitive=True,
        )

    def _mounted(self, place: PlaceSettings) -> bool:
        """Nothing says that the disk isn't there. What is mounted there that lsblk doesn't know, the step itself looks
        at."""
        if place.kind != "folder" or not place.device:
            return True
        there = [each for each in known(self.state.devices) or () if place.mount in each.mounts]
        if there:
            return any(place.device in (f"UUID={each.uuid}", f"LABEL={each.label}") for each in there)
        return place.mount in self.state.mounts

    def _emptied(self, name: str, place: PlaceSettings) -> bool:
        """A folder that had a repository, or should have, and has none."""
        return name in (self.now.places or {}) and name not in self.state.repositories and self._mounted(place)

    def _open(self, name: str, place: PlaceSettings, needs: tuple[str, ...]) -> None:
        setting = f"{NAME}.places.{name}"
        if not self._mounted(place):
            text = _(
                "{place}: its disk isn't mounted at {mount}. The repository is made by the first run that finds it"
            )
            self.part.notice(text.format(place=name, mount=getattr(place, "mount", "")))
            return
        needs = (*(each for each in self.part.ids() if each == _PACKAGES), *needs)
        at = place_of(name, place)
        far = place.kind != "folder"
        if far:
            text = _("{place}: if it doesn't answer now, it is set up all the same, and its first run opens it")
            self.part.notice(text.format(place=name))
        step = OpenRepository(id=step_id("open", name), setting=setting, needs=needs, place=at, later=far)
        self.part.steps.append(step)
        self.part.checks.append(checks.answers(at, setting))

    # jobs -------------------------------------------------------------------------------------------------------------

    def _remember(self) -> None:
        state = self.state
        missing = state.config == MISSING and self.wanted != BackupSettings(places={}, jobs={})
        changed = isinstance(state.config, Known) and (_whole(self.now) != self.wanted or state.mode & 0o077)
        if missing or changed:
            content = applied.dump(self.wanted)
            step = WriteFile(id=_CONFIG, setting=NAME, path=applied.PATH, content=content, mode=0o600)
            self.part.steps.append(step.model_copy(update={"needs": self._opening()}))
        text = due.text(self.wanted)
        if text and text != state.due and (missing or changed or self._touched()):
            self.part.steps.append(WriteFile(id=_DUE, setting=NAME, path=due.PATH, content=text, mode=0o600))
        elif not text and state.due and (missing or changed):
            self.part.steps.append(RemoveFile(id=_DUE, setting=NAME, path=due.PATH))

    def _opening(self) -> tuple[str, ...]:
        """The steps that have to have gone well before anything is remembered."""
        return tuple(step.id for step in self.part.steps if isinstance(step, OpenRepository | SecretFile))

    def _touched(self) -> list[str]:
        """The jobs that the plan is about: those that are named, and those that go to every place."""
        jobs, named = self.wanted.jobs or {}, self.settings.jobs or {}
        gone = set(self.now.places or {}) ^ set(self.wanted.places or {})
        return [name for name, job in jobs.items() if name in named or (gone and job.places is None)]

    def _units(self) -> None:
        wants: dict[str, str] = {}
        touched = self._touched()
        for name in touched:
            wants |= timers.units(job_of(name, self.wanted), self.state.python)
        absent = [name for name, job in (self.settings.jobs or {}).items() if job.state == "absent"]
        obsolete = [
            file for file in self.state.units if timers.job_in(file) in {*touched, *absent} and file not in wants
        ]
        for file in sorted(obsolete, key=lambda file: file.endswith(".service")):  # a timer before what it starts
            self._remove(file)
        for file, text in wants.items():
            if self.state.units.get(file) != text:
                path = f"{timers.FOLDER}/{file}"
                setting = f"{NAME}.jobs.{timers.job_in(file)}"
                step = WriteFile(id=f"{NAME}.unit.{file}", setting=setting, path=path, content=text, mode=0o644)
                self.part.steps.append(step.model_copy(update={"needs": self._config()}))
        for file in wants:
            if file.endswith(".timer"):
                self._timer(file, changed=self.state.units.get(file) != wants[file])

    def _config(self) -> tuple[str, ...]:
        return tuple(each for each in self.part.ids() if each == _CONFIG)

    def _timer(self, file: str, *, changed: bool) -> None:
        now = (known(self.state.timers) or {}).get(file)
        setting = f"{NAME}.jobs.{timers.job_in(file)}"
        if now is not None and now.enabled and now.active and not changed:
            return
        files = {file, file.replace(".timer", ".service")}
        needs = tuple(each for each in self.part.ids() if each.removeprefix(f"{NAME}.unit.") in files)
        restart = changed and now is not None and now.active
        self.part.steps.append(
            Unit(
                id=f"{NAME}.timer.{file}",
                setting=setting,
                needs=needs,
                name=file,
                enabled=True,
                active=True,
                restart=restart,
            )
        )
        self.part.checks += checks.waits(file, setting)

    def _remove(self, file: str) -> None:
        setting, path = f"{NAME}.jobs.{timers.job_in(file)}", f"{timers.FOLDER}/{file}"
        needs: tuple[str, ...] = ()
        if file.endswith(".timer"):
            stop = f"{NAME}.timer.{file}"
            self.part.steps.append(Unit(id=stop, setting=setting, name=file, enabled=False, active=False))
            needs = (stop,)
        self.part.steps.append(RemoveFile(id=f"{NAME}.unit.{file}", setting=setting, needs=needs, path=path))

    # the rest ---------------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        """What belonged to places that are gone, or that nothing names any more."""
        gone = (applied.secrets(self.now) - applied.secrets(self.wanted)) & self.there
        for name in sorted(gone):
            path = secret_path(name)
            step = RemoveFile(id=step_id("forget", name), setting=NAME, needs=self._config(), path=path, sensitive=True)
            self.part.steps.append(step)
        for name in sorted(self.state.trials):
            if name in (self.settings.places or {}) and name not in (self.wanted.places or {}):
                path = f"{TRIALS}/{name}.json"
                self.part.steps.append(RemoveFile(id=step_id("forget-trial", name), setting=NAME, path=path))
        for name in sorted(self.state.known_hosts):
            place = (self.wanted.places or {}).get(name)
            if name in (self.settings.places or {}) and (place is None or placing.known_hosts(name, place) is None):
                path = f"{placing.KNOWN_HOSTS}/{name}"
                self.part.steps.append(RemoveFile(id=step_id("forget-host-key", name), setting=NAME, path=path))

    def _kits(self) -> None:
        """A recovery kit that was read back counts no more for another repository, or another password."""
        for name in sorted(self.state.kits):
            place, before = (self.wanted.places or {}).get(name), (self.now.places or {}).get(name)
            if name not in (self.settings.places or {}) and place is not None:
                continue
            moved = place is not None and before is not None and _opens(name, place) != _opens(name, before)
            anew = place is not None and step_id("secret", secret_names(name, place)[0]) in self.part.ids()
            if place is None or moved or anew:
                step = RemoveFile(id=step_id("forget-kit", name), setting=NAME, path=f"{KITS}/{name}")
                self.part.steps.append(step.model_copy(update={"needs": self._config()}))

    def _warn(self) -> None:
        for name, place in (self.wanted.places or {}).items():
            if name not in (self.settings.places or {}) or (self.now.places or {}).get(name) == place:
                continue
            if place.kind == "folder" and place.path and not place.device and _mount(place.path, self.state) == "/":
                text = _("{place} is on the same disk as the system: what ends the one ends the other")
                self.part.notice(text.format(place=name))
            if place.kind in ("rest", "s3") and (place.url or "").startswith("http://"):
                text = _("{place} is reached unencrypted: its password can be read on the way")
                self.part.notice(text.format(place=name))
        for name, place in (self.wanted.places or {}).items():
            before = (self.now.places or {}).get(name)
            if before is not None and (old := place_of(name, before).where) != place_of(name, place).where:
                text = _(
                    "{place} gets another repository. The old one stays as it is at {old}: its recovery kit opens it, "
                    "and nothing here runs, verifies or thins it out any more. Nothing is proven of the new one yet"
                )
                self.part.notice(text.format(place=name, old=old))
        for name in self._gone():
            text = _("what lies at {place} stays, and can be read with its recovery kit alone: its password goes")
            self.part.notice(text.format(place=name))
        if any(isinstance(step, SecretFile) and step.make for step in self.part.steps):
            self.part.notice(
                _("an undo takes back the passwords that are made: without a recovery kit what was backed up is lost")
            )
        for name in self._touched():
            if not job_of(name, self.wanted).places:
                self.part.notice(_("the job {job} has no place to go to: nothing is backed up").format(job=name))

    def _gone(self) -> list[str]:
        return [name for name in self.now.places or {} if name not in (self.wanted.places or {})]


def _whole(settings: BackupSettings) -> BackupSettings:
    """What was applied in the form that `applied.merged` gives."""
    return applied.merged(settings, BackupSettings())


def _opens(name: str, place: PlaceSettings) -> tuple[str, str]:
    """Which repository that is, and which password it has."""
    there = place_of(name, place)
    return there.where, there.password


def _mount(path: str, state: State) -> str:
    """Where the file system is mounted that a path is on."""
    above: Collection[str] = [each for each in state.mounts if f"{path}/".startswith(f"{each.rstrip('/')}/")]
    return max(above, key=len, default="/")
