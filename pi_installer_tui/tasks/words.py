"""Events and outcomes in words, for screens and the command line alike. Journals hold codes and values; this is the one
place that turns them into sentences. A code that isn't known here is shown as it is, with its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from pi_installer_tui.i18n import N_, _, ngettext

if TYPE_CHECKING:
    from pi_installer_tui.restic.answers import Reason
    from pi_installer_tui.system.seat import Seat
    from pi_installer_tui.tasks.before import Unreadable
    from pi_installer_tui.tasks.probation import Trial
    from pi_installer_tui.tasks.store import JobSummary

STATUS = {
    "queued": N_("queued"),
    "running": N_("running"),
    "waiting": N_("waiting"),
    "done": N_("done"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
    "stale": N_("stale"),
    "interrupted": N_("interrupted"),
}

CHECK = {"ok": N_("ok"), "failed": N_("failed"), "unknown": N_("unknown"), "skipped": N_("not checked")}

_FAILURES = {
    "command-failed": N_("{command} ended with status {status}"),
    "not-installed": N_("{program} is not installed"),
    "file-changed": N_("{path} was changed by someone else; it was not touched"),
    "io-error": N_("{path}: {error}"),
    "cancelled": N_("it was cancelled"),
    "not-confirmed": N_("nobody confirmed it in time"),
    "refused": "{error}",
    "disk-full": N_("no space is left for {path}"),
    "link-refused": N_("{path} is a link to {target}, which is not written through"),
    "not-a-file": N_("{path} is not a file"),
    "not-a-directory": N_("{path} is not a folder"),
    "directory-not-empty": N_("the folder {path} is not empty"),
    "peer-missing": N_("{path} has no peer {name} any more"),
    "job-missing": N_("job {job} isn't kept any more"),
    "internal-error": N_("the program made a mistake ({type} at {where})"),
    "not-editable": N_("{path} can't be changed: {error}"),
    "line-changed": N_("line {line} of {path} says something else by now; nothing was changed"),
    "not-as-written": N_("{path} didn't say what was written to it; it is as it was before"),
    "job-failed": N_("the job ended with status {status}"),
    "job-killed": N_("the job was ended by signal {signal}"),
    "not-valid": N_("{path} would not be valid: {error}"),
    "account-in-use": N_("{name} still runs {count} processes; end them or log {name} out first"),
    "accounts-locked": N_("another program has the account files locked; try again when it is through"),
    "weak-password": N_("the rules for passwords refuse the one of {name}: {error}"),
    "secret-missing": N_("no value was given for the secret {name}"),
    "not-its-home": N_("{path} belongs to somebody else"),
    "unknown-user": N_("there is no user {name}"),
    "unknown-group": N_("there is no group {name}"),
    "package-not-found": N_("no package source has {packages}"),
    "would-remove": N_("{packages} would be removed with it; nothing was changed"),
    "needed-by-others": N_("{packages} can't be removed: {others} would go too"),
    "dpkg-inconsistent": N_("dpkg could not be left in a consistent state: `dpkg --configure -a` mends it"),
    "no-disk": N_("there is no disk {path}"),
    "disk-changed": N_("{path} isn't the disk that was shown; it was not touched"),
    "disk-in-use": N_("{path} is in use ({mounts}); it was not touched"),
    "not-clonable": N_("this can't be copied so: {what}; nothing was touched"),
    "no-partitions": N_("the kernel doesn't show the new partitions of {path}"),
    "copy-differs": N_("the copy of {path} isn't what was copied: don't rely on that disk"),
    "interrupted": N_("its process was killed, or the machine went down"),
    "packages-too-long": N_("packages were being installed or updated for {hours} h, so nothing was done"),
    "power-too-long": N_("the power supply was too weak (under-voltage) for {hours} h, so nothing was done"),
    "not-begun": N_("it didn't begin: {why}"),
    "nothing-to-back-up": N_("none of {paths} is there"),
    "not-stopped": N_("{name} could not be stopped, so nothing was saved"),
    "not-started-again": N_("it was saved, but {names} could not be started again: start it yourself"),
    "dump-failed": N_("{databases} could not be dumped; the rest was saved"),
    "dump-not-loadable": N_("the dump of {database} could not be loaded: {error}"),
    "no-dump": N_("there is no dump of {database}"),
    "no-run": N_("{place} has no run of {job}"),
    "nothing-to-prove": N_(
        "the newest run of {job} to {place} has no file that could be restored and compared, so nothing is proven"
    ),
    "no-snapshot": N_("there is no snapshot {snapshot}"),
    "not-in-snapshot": N_("snapshot {snapshot} has no {path}"),
    "link-on-the-way": N_(
        "{path} is a link that a user could have put there to lead elsewhere, so nothing is written through it; "
        "restore to another folder, or put a folder there"
    ),
    "no-room": N_("{path} has no room for it: {needed} are needed, {free} are free"),
    "not-restored": N_("{count} entries could not be restored, {path} among them; nothing was put in its place"),
    "restored-differs": N_(
        "{count} restored files aren't what was saved, {path} among them: don't rely on this backup"
    ),
    "lock-alive": N_("the lock is held by process {pid} on {host}, which is at work"),
}

#: what restic could not do: the rest is a restic.answers.Reason
_RESTIC = "restic-"

_ENDINGS = {
    "step-failed": N_("a step failed; what was done before it stays, and can be undone"),
    "not-confirmed": N_("nobody confirmed the change in time, so it was taken back"),
    "way-back-failed": N_("the change could not be taken back whole"),
    "reboot": N_("the machine reboots, and the job goes on afterwards"),
    "checks-failed": N_("every step ran, but the machine doesn't show the result"),
    "dpkg-inconsistent": N_("dpkg could not be left in a consistent state: `dpkg --configure -a` mends it"),
    "checks-unknown": N_("the machine could not be asked for all of the result"),
    "disk-full": N_("no space was left; what was done before stays, and can be undone"),
    "internal-error": N_("the program made a mistake; what was done before stays, and can be undone"),
    "interrupted": N_("its process was killed, or the machine went down; the next run begins anew"),
    "stopped": N_("the machine was going down; the job can be continued or undone"),
    "worker-failed": N_("the job's process could not go on"),
    "start-failed": N_("the job's process could not be started"),
}

_OUTCOMES = {
    "done": N_("Done."),
    "failed": N_("Failed."),
    "cancelled": N_("Cancelled; what was done before stays, and can be undone."),
    "stale": N_("Nothing was done: the machine changed since the review."),
    "interrupted": N_("Interrupted: the job's process is gone. It can be continued or undone."),
}

_WAITS = {
    "probation": N_("waiting until the change of job {holder} is confirmed or taken back"),
    "confirmation": N_("waiting for the confirmation that all is well"),
    "reboot": N_("waiting for your agreement to the reboot"),
    "job-lock": N_("waiting for job {holder} to end"),
    "work-lock": N_("waiting for job {holder}, which works with the same place"),
    "repository-lock": N_("waiting for the repository, which {holder} has locked"),
    "dpkg-lock": N_("waiting for the package system, which {holder} is using"),
}


def not_confirmed(reason: str, ports: Sequence[int] = ()) -> str:
    """Why a change can't be confirmed. ports: those over which somebody has to log in."""
    match reason:
        case "not-yet":
            return _("the change is still being made; it can be confirmed when all of its steps have run")
        case "taken-back":
            return _("it is too late: the change goes back, or has gone back already")
        case "no-login" if ports:
            text = _(
                "nobody has logged in anew by SSH over port {ports} since the change; log in there, stay logged in, "
                "and confirm then"
            )
            return text.format(ports=", ".join(map(str, ports)))
        case "no-login":
            return _("nobody has logged in anew by SSH since the change; log in, stay logged in, and confirm then")
    return _("there is no change to be confirmed")


def log_in_anew(trial: Trial) -> str:
    """What has to happen before a change can be confirmed that could keep people out."""
    users = _(" or ").join(trial.users)
    if trial.ports:
        text = _("Log in anew by SSH over port {ports} (as {users}): only that proves it.")
        return text.format(ports=", ".join(map(str, trial.ports)), users=users)
    return _("Log in anew by SSH (as {users}): only that proves it, and a connection from before doesn't.").format(
        users=users
    )


def taken_back(outcome: str, because: str) -> str:
    """How a job ended whose change on probation was taken back, in a sentence or two."""
    match because:
        case "not-confirmed":
            said = _("{status}: nobody confirmed the change in time, so it was taken back.")
        case "cancelled":
            said = _("{status}: what was on probation was taken back. What was done before it stays.")
        case _:
            said = _(
                "{status}: a step failed, and what was on probation was taken back. What was done before it stays."
            )
    word = status(outcome)
    return said.format(status=word[:1].upper() + word[1:])


def confirmed(by: str) -> str:
    """Who said that a change stays."""
    if by == "auto":
        return _("Confirmed, since gateway and peers answered: the change stays.")
    return _("Confirmed by {who}: the change stays.").format(who=by or "?")


def connect(user: str, address: str, seat: Seat | None) -> str:
    """The command that connects to an address, where it is known by now: over the port over which one is connected."""
    port = f"-p {seat.server_port} " if seat is not None and seat.server_port not in (0, 22) else ""
    return f"ssh {port}{user}@{address}" if address else ""


def connection(seat: Seat) -> str:
    """The person's own connection."""
    said = f"{seat.client}:{seat.client_port} - {seat.server}:{seat.server_port}"
    return f"{said} ({seat.interface})" if seat.interface else said


def confirm_from_elsewhere(reaches: Sequence[str], leaves: Sequence[str], user: str, seat: Seat) -> str:
    """What to do for who sits on a connection that the change will end."""
    new = " | ".join(connect(user, address, seat) for address in reaches if address)
    return _(
        "this connection to {old} proves nothing of the new address, for it ends with the confirmation. Log in there "
        "and confirm from there{how}; or with --anyway from here"
    ).format(old=", ".join(leaves), how=f": {new}" if new else "")


def unreadable(error: Unreadable) -> str:
    """Why a job can't be read."""
    if error.newer:
        return _("{path} was written by a newer version of this program").format(path=error.path)
    return _("{path} is damaged or missing; the job can't be read").format(path=error.path)


def size(count: int) -> str:
    """Bytes as people read them: `1.4 MB`."""
    value, unit = float(abs(count)), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def progress(values: Mapping[str, Any]) -> str:
    """How far a step is, of what is known (events.StepProgress): `1200 of 3000 files, 1.2 of 3.4 GB, 5 MB/s, 2 min`."""
    said = []
    files, of_files = int(values.get("files_done", 0)), int(values.get("files_total", 0))
    if of_files:
        said.append(_("{done} of {total} files").format(done=files, total=of_files))
    elif files:
        said.append(ngettext("{count} file", "{count} files", files).format(count=files))
    done, total = int(values.get("bytes_done", 0)), int(values.get("bytes_total", 0))
    if total:
        said.append(_("{done} of {total}").format(done=size(done), total=size(total)))
    elif done:
        said.append(size(done))
    if values.get("rate"):
        said.append(_("{size}/s").format(size=size(int(values["rate"]))))
    if values.get("seconds_left"):
        left = int(values["seconds_left"])
        said.append(_("{n} s left").format(n=left) if left < 100 else _("{n} min left").format(n=round(left / 60)))
    return ", ".join(said)


def what(job: JobSummary) -> str:
    """What a job changes, in a few words: `system.hostname, system.timezone`."""
    if job.undoes:
        return _("undo of {job}").format(job=job.undoes)
    return ", ".join(job.settings_paths or job.modules)


def status(word: str) -> str:
    """A job's status, translated."""
    return _(STATUS.get(word, word))


def check_status(word: str) -> str:
    """A check's status, translated."""
    return _(CHECK.get(word, word))


def failure(reason: str, values: Mapping[str, str]) -> str:
    """Why a step failed: a phrase without a full stop."""
    if reason.startswith(_RESTIC):
        from pi_installer_tui.restic import words
        from pi_installer_tui.restic.answers import Trouble

        return words.sentence(Trouble(cast("Reason", reason.removeprefix(_RESTIC)), (), **values)).removesuffix(".")
    if reason == "no-room":
        values = {**values, "needed": size(int(values["needed"])), "free": size(int(values["free"]))}
    return _filled(_FAILURES.get(reason, ""), reason, values)


def outcome(word: str, reason: str = "") -> str:
    """How a job ended, in a sentence or two."""
    first = _(_OUTCOMES.get(word, word))
    if not reason:
        return first
    return f"{first.rstrip('.')}: {_(_ENDINGS.get(reason, reason))}."


def wait(what: str, holder: str) -> str:
    """What a job waits for."""
    if what == "reboot" and holder:
        return _("waiting for the reboot at {time}").format(time=holder)
    return _filled(_WAITS.get(what, ""), what, {"holder": holder or "?"})


def _filled(template: str, code: str, values: Mapping[str, str]) -> str:
    try:
        if template:
            return _(template).format_map(values)
    except KeyError:
        pass
    details = ", ".join(f"{name}: {value}" for name, value in values.items())
    return f"{code} ({details})" if details else code
