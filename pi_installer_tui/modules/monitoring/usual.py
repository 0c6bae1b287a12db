"""The rules that make sense on every machine. Each clears after a gap, or has to last, so that none comes
and goes."""

from __future__ import annotations

from pi_installer_tui.alerts.config import Channel, Rule

HOUR, DAY = 3600, 86400

USUAL: tuple[Rule, ...] = (
    Rule("disk-full", "metric", of="disk.*.used", at=90, clears=85, lasts=60, repeats=DAY),
    Rule("disk-almost-full", "metric", of="disk.*.used", at=97, clears=95, severity="critical", repeats=DAY),
    Rule("inodes", "metric", of="disk.*.inodes", at=90, clears=85, lasts=60, repeats=DAY),
    Rule("memory", "metric", of="memory.used", at=95, clears=90, lasts=600),
    Rule("swap", "metric", of="swap.used", at=80, clears=60, lasts=600),
    # the firmware slows the processor down from 80 °C on, and more so at 85 (Raspberry Pi documentation, frequency
    # management and thermal control)
    Rule("temperature", "metric", of="temperature.*.now", at=80, clears=75, lasts=300),
    Rule("under-voltage", "metric", of="power.under-voltage", at=0.5, lasts=10, severity="critical", repeats=DAY),
    # beyond the tolerance that Backup tells the collector; a machine that was off makes up for what it missed
    Rule("backup-overdue", "metric", of="backup.*.overdue", at=0, lasts=2 * HOUR, repeats=DAY),
    Rule("backup-failed", "metric", of="backup.*.failed", at=0.5, lasts=30, repeats=DAY),
    # jobs of crontabs that are recorded: those of timers are services
    Rule("cron-missed", "metric", of="cron.*.overdue", at=300, clears=0, repeats=DAY),
    Rule("cron-failed", "metric", of="cron.*.failed", at=0.5, lasts=30, repeats=DAY),
    Rule("failed-services", "service", of="*", lasts=30, repeats=DAY),
    Rule(
        *("certificates", "certificate"),
        of="/etc/letsencrypt/live/*/cert.pem",
        side="below",
        at=14,
        clears=15,
        repeats=DAY,
    ),
    Rule("security-updates", "updates", at=0, lasts=7 * DAY, repeats=7 * DAY),
)
NAMES = frozenset(rule.name for rule in USUAL)

#: what the wizard proposes beside: needs nothing, and who logs in reads it
LOGIN = Channel("login", "login-message")
