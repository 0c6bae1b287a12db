"""A `Trouble` as sentences: what happened, what stayed as it was, what to do next."""

from __future__ import annotations

from pi_installer_tui.i18n import N_, _
from pi_installer_tui.restic.answers import Cause, Reason, Trouble

_UNCHANGED = N_("What was backed up before is as it was.")

_UNREACHABLE: dict[Cause, tuple[str, str]] = {
    "": (N_("{place} can't be reached."), N_("Look whether it is switched on and connected, and try again.")),
    "name": (
        N_("{place} can't be reached: the name of its server isn't known."),
        N_("Look whether the name is right and this machine is online, and try again."),
    ),
    "no-answer": (
        N_("{place} can't be reached: its server is there, but nothing answers at that port."),
        N_("Look whether the service runs there and the port is right, and try again."),
    ),
    "network": (
        N_("{place} can't be reached: no way leads to its server."),
        N_("Look whether this machine and the server are connected, and try again."),
    ),
    "timeout": (
        N_("{place} can't be reached: its server didn't answer in time."),
        N_("Look whether it is switched on and no firewall is in between, and try again."),
    ),
    "server": (
        N_("The server of {place} answers that it has a fault of its own."),
        N_("Try again later; if it stays so, look into the log of the server."),
    ),
    "cut-off": (
        N_("The connection to {place} was cut."),
        N_("Try again; what was sent already is used again."),
    ),
}

_REFUSED: dict[Cause, tuple[str, str]] = {
    "": (N_("{place} refuses this."), N_("Test the place: that shows which permission is missing.")),
    "certificate": (
        N_("The server of {place} shows a certificate that this machine doesn't trust, so nothing was sent to it."),
        N_("Give the certificate of its authority with the place, if the server is the right one."),
    ),
    "not-tls": (
        N_("The server of {place} doesn't speak TLS at that port."),
        N_("Look whether the port is right, and whether the address begins with https or http."),
    ),
    "host-key-changed": (
        N_("The server of {place} shows another SSH key than the one that is known, so nothing was sent to it."),
        N_("If it was set up anew, test the place and accept its new key. If not, somebody else may be answering."),
    ),
    "host-key-unknown": (
        N_("The SSH key of the server of {place} isn't known yet, so nothing was sent to it."),
        N_("Test the place: it shows the key, to be compared and accepted."),
    ),
    "ssh-key": (
        N_("The server of {place} doesn't accept the SSH key of this machine for that user."),
        N_("Put the public key into the user's authorized_keys there, and look whether the user is right."),
    ),
    "ssh-key-file": (
        N_("The SSH key for {place} can't be used."),
        N_("Look whether its file is a private key without a passphrase, and root's alone."),
    ),
    "credentials": (
        N_("{place} doesn't accept the login: it is wrong, or was revoked."),
        N_("Give the place a valid one."),
    ),
    "forbidden": (
        N_("{place} doesn't allow this: the login isn't valid any more, or a permission is missing."),
        N_("Test the place: that shows which one."),
    ),
    "bucket": (
        N_("The bucket of {place} doesn't exist."),
        N_("Look whether its name and region are right, or have it made when the place is tested."),
    ),
    "read-only": (
        N_("{place} can be read, but not written."),
        N_("Look why it is mounted read-only; a disk with faults may have been made so by the system."),
    ),
    "password-file": (
        N_("The file with the password of {place} is gone or can't be read."),
        N_("Put the password of its recovery kit there again: the log of the job names the file."),
    ),
    "permission": (
        N_("{place} may not be used by this program's user there."),
        N_("Look to whom the folder belongs, and whether it may be written."),
    ),
    "sftp-failure": (
        N_("The server of {place} could not do it, and SFTP doesn't say why."),
        N_("Most often its disk, or the user's quota, is full; else look there whether it is sound and writable."),
    ),
}

_NOT_MOUNTED = {
    "nothing": N_("The disk of {place} ({device}) isn't mounted at {mount}."),
    "other": N_("Another disk ({source}) than that of {place} ({device}) is mounted at {mount}."),
    "pulled": N_("The disk of {place} ({device}) was at {mount}, and isn't any more."),
    "elsewhere": N_("The folder {path} isn't on the disk of {place} ({device})."),
}

_OTHER: dict[Reason, tuple[str, str]] = {
    "no-repository": (
        N_("No repository is at {place}."),
        N_("If there was one, look whether the place is the right one; else apply its settings again: that makes one."),
    ),
    "wrong-password": (
        N_("The repository at {place} doesn't open with this password."),
        N_("Give the one that it was made with; it is in the recovery kit."),
    ),
    "locked": (
        N_("The repository at {place} is locked: something else is at work in it."),
        N_("Wait until that is done. If nothing is, the lock was left behind: look at the locks and remove it."),
    ),
    "no-space": (
        N_("{place} is full."),
        N_(
            "Make room there, or keep fewer snapshots, for which restic needs a little room too; what was written "
            "already is used by the next run."
        ),
    ),
    "damaged": (
        N_("The repository at {place} is damaged: some of what it holds can't be read."),
        N_("Verify all of its data: that shows what is concerned. Keep it until what is whole has been restored."),
    ),
    "not-able": (
        N_("The restic that is installed can't do this."),
        N_("A later version of the system has one that can."),
    ),
    "interrupted": (
        N_("restic was stopped before it was done."),
        N_("Start it again; what was written already is used again."),
    ),
}


def sentence(trouble: Trouble) -> str:
    """What happened, what stayed as it was and what to do next, as one paragraph."""
    cause: Cause = trouble.values.get("cause", "")  # type: ignore[assignment]
    stayed = _UNCHANGED
    match trouble.reason:
        case "unreachable":
            what, then = _UNREACHABLE.get(cause, _UNREACHABLE[""])
        case "refused":
            what, then = _REFUSED.get(cause, _REFUSED[""])
        case "not-mounted":
            what = _NOT_MOUNTED.get(trouble.values.get("wrong", ""), _NOT_MOUNTED["nothing"])
            stayed = _UNCHANGED if trouble.values.get("wrong") == "pulled" else N_("Nothing was written.")
            then = N_("Connect and mount it, and try again.")
        case "failed":
            what, then = N_("restic failed at {place} ({line})."), N_("Its last lines are in the log of the job.")
        case "no-space" if cause == "here":
            what = N_("No room is left in {path} of this machine, where restic puts together what it sends to {place}.")
            then = N_("Make room in {path}, and try again.")
        case "damaged":
            what, then = _OTHER["damaged"]
            stayed = N_("Nothing was removed.")
        case reason:
            what, then = _OTHER[reason]
    values = {"place": _("the place"), "device": "", "mount": "", "path": "", "source": "", "line": ""}
    values |= trouble.values
    return " ".join(_(each).format_map(values) for each in (what, stayed, then))
