"""What is shown before somebody logs in: /etc/issue on the console (issue(5)), /etc/issue.net by whoever is told to
(sshd_config(5), Banner)."""

from __future__ import annotations

from dataclasses import dataclass

from pi_installer_tui.i18n import _
from pi_installer_tui.system.host import Host
from pi_installer_tui.system.reading import MISSING, Known, Reading, Source, Unknown

CONSOLE = "/etc/issue"
NETWORK = "/etc/issue.net"
#: in English, for whoever comes from anywhere. It says what is so and no more
NOTICE = "Private system: access for its owner and authorized users only.\nLogins are recorded in the system log.\n"


@dataclass(frozen=True, slots=True)
class Issue:
    """Both files' texts; MISSING where a file isn't there."""

    console: Reading[str] = MISSING
    network: Reading[str] = MISSING


async def read(host: Host) -> Issue:
    """The files as they are."""
    return Issue(await _text(host, CONSOLE), await _text(host, NETWORK))


async def _text(host: Host, path: str) -> Reading[str]:
    try:
        text = await host.text(path)
    except OSError as error:
        return Unknown(_("{path}: {reason}").format(path=path, reason=error.strerror or error))
    return MISSING if text is None else Known(text, Source(path))
