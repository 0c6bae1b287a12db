"""Who has a crontab open is found by the processes there are."""

from __future__ import annotations

import pytest

from pi_installer_tui.system.cron import editing
from pi_installer_tui.system.host import CommandNotFound, Completed
from pi_installer_tui.system.local import LocalHost


class Says(LocalHost):
    """A machine whose ps says that."""

    def __init__(self, said: str) -> None:
        super().__init__()
        self.said = said

    async def run(self, argv: object, **_more: object) -> Completed:
        if not self.said:
            raise CommandNotFound("ps")
        return Completed((), 0, self.said, "")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("  812 pi  crontab -e\n", {"pi": 812}),
        (
            "812 root crontab -u pi -e\n 90 root crontab -eu al\n91 root crontab -e -ubob",
            {"pi": 812, "al": 90, "bob": 91},
        ),
        ("812 pi crontab -l\n813 pi crontab -\n814 pi crontab /tmp/-e\n815 pi crontab --wrong\n\n", {}),
        ("", {}),
    ],
)
async def test_whose_crontab_is_open(said: str, found: dict[str, int]) -> None:
    assert await editing.editors(Says(said)) == found
