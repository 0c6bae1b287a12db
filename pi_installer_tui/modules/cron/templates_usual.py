"""The templates of the program. Each command is one line for /bin/sh; tests/machines/test_cron_templates.py runs every
one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pi_installer_tui.i18n import N_

from .templates import Recommended, Template
from .templates_parameters import Parameter

_AT = N_("Time")
_KEEP = N_("Keep")
_COPIES = N_("files")


def _time(default: str) -> Parameter:
    return Parameter(kind="time", title=_AT, default=default)


def _folder(default: str = "", **more: Any) -> Parameter:
    return Parameter(kind="path", title=N_("Folder"), default=default, **more)


def _keep(default: str) -> Parameter:
    return Parameter(
        kind="number",
        title=_KEEP,
        help=N_("So many of them stay, the newest ones."),
        unit=_COPIES,
        least=1,
        most=1000,
        default=default,
    )


_CURL = ("/usr/bin/curl",)
#: curl(1), `-K, --config`
_CURL_FILE = N_(
    "Write the address into a file that only this user reads (mode 0600), as curl(1) takes it, a line with "
    'url = "https://...". So it is in no line of a crontab, in no list of processes and in no log.'
)

USUAL: Mapping[str, Template] = {
    "backup-job": Template(
        title=N_("Backup: run a job"),
        summary=N_(
            "Runs a job of Backup, as its own schedule does: it waits while packages are being changed, and its runs "
            "are in the history there. Give the job no schedule of its own in Backup then."
        ),
        schedule="{at} * * *",
        parameters={
            "at": _time("01:30"),
            "job": Parameter(kind="name", title=N_("Job"), help=N_("The job's name in Backup.")),
        },
        needs=("/usr/local/bin/pi-installer-tui",),
        command="/usr/local/bin/pi-installer-tui backup run {job} --scheduled",
    ),
    "backup-tar": Template(
        title=N_("Backup: a folder as an archive"),
        summary=N_(
            "Packs a folder into NAME-DATE.tar.gz in another one, and removes the oldest archives. A file that changes "
            "meanwhile is no failure. For more than a small folder use Backup: it keeps only what changed, encrypts, "
            "and proves that it can be restored."
        ),
        before=N_("The folder for the archives has to be there, best on another disk."),
        schedule="{at} * * *",
        parameters={
            "at": _time("02:00"),
            "source": _folder("/home"),
            "target": Parameter(kind="path", title=N_("Archives in"), system=False),
            "name": Parameter(
                kind="name", title=N_("Called"), help=N_("What the archives' names begin with."), default="folder"
            ),
            "keep": _keep("7"),
        },
        apart=(("target", "source"),),
        needs=("/usr/bin/tar",),
        # tar ends with 1 where a file changed while it was read (tar(1), RETURN VALUE)
        command=(
            "umask 077; cd {target} && {{ tar -czf .{name}.part -C {source} . || [ $? -eq 1 ]; }} && "
            "mv .{name}.part {name}-$(date +%Y%m%d-%H%M%S).tar.gz && "
            "ls -1 {name}-????????-??????.tar.gz | head -n -{keep} | xargs -r rm --"
        ),
        record=Recommended(lock=True, timeout=6 * 3600),
    ),
    "updates": Template(
        title=N_("Look for updates"),
        summary=N_(
            "Reads the package lists and prints what could be upgraded; cron mails it. Nothing is printed where there "
            "is nothing, and nothing is installed."
        ),
        schedule="{at} * * *",
        parameters={
            "at": _time("06:40"),
            "which": Parameter(kind="choice", title=N_("Which"), choices=("all", "security"), default="all"),
        },
        needs=("/usr/bin/apt-get",),
        # apt-get(8): -s prints `Inst NAME [OLD] (NEW ORIGIN ...)`
        command=(
            "apt-get -qq update && apt-get -s dist-upgrade | awk -v which={which} "
            '\'$1 == "Inst" && (which == "all" || tolower($0) ~ /security/) {{ print substr($0, 6) }}\''
        ),
        record=Recommended(lock=True, timeout=1800, retries=2, wait=300),
    ),
    "certificates": Template(
        title=N_("Renew certificates"),
        summary=N_(
            "Has certbot renew what expires within thirty days, and reloads a service where there was any. Debian's "
            "package does so by a timer of its own: look at certbot.timer first."
        ),
        schedule="{at} * * *",
        parameters={
            "at": _time("04:20"),
            "service": Parameter(
                kind="name", title=N_("Reload"), help=N_("The service that uses them."), default="nginx"
            ),
        },
        needs=("/usr/bin/certbot",),
        command="certbot renew --quiet --no-random-sleep-on-renew --deploy-hook systemctl\\ reload\\ {service}",
        record=Recommended(lock=True, timeout=3600, retries=2, wait=600),
    ),
    "reboot": Template(
        title=N_("Reboot when updates ask for it"),
        summary=N_(
            "Restarts the machine at that time, but only where /run/reboot-required is there, which updates of the "
            "kernel and of libraries leave. Who is logged in is told; shutdown -c stops it."
        ),
        schedule="{at} * * *",
        parameters={
            "at": _time("04:45"),
            "minutes": Parameter(
                kind="number",
                title=N_("Warned before"),
                unit=N_("min"),
                least=0,
                most=120,
                default="5",
            ),
        },
        needs=("/usr/sbin/shutdown",),
        command="[ ! -e /run/reboot-required ] || /usr/sbin/shutdown -r +{minutes} Updates ask for it.",
    ),
    "dynamic-dns": Template(
        title=N_("Dynamic DNS"),
        summary=N_("Tells a provider the machine's present address by calling the URL that it gave you."),
        before=_CURL_FILE,
        schedule="*/{every} * * * *",
        user="nobody",
        parameters={
            "every": Parameter(kind="number", title=N_("Every"), unit=N_("min"), least=1, most=59, default="10"),
            "file": Parameter(kind="secret", title=N_("File"), help=N_("The file with the URL, for curl.")),
        },
        needs=_CURL,
        command="curl -fsS --max-time 60 --retry 2 -o /dev/null -K {file}",
        record=Recommended(lock=True, timeout=300),
    ),
    "temperature": Template(
        title=N_("Keep a log of the temperature"),
        summary=N_("Writes time and degrees into a file, a line each time, and keeps its last lines."),
        schedule="*/{every} * * * *",
        parameters={
            "every": Parameter(kind="number", title=N_("Every"), unit=N_("min"), least=1, most=59, default="5"),
            "log": Parameter(kind="path", title=N_("File"), default="/var/log/temperature.log"),
            "lines": Parameter(kind="number", title=N_("Keep"), unit=N_("lines"), least=10, default="10000"),
            "sensor": Parameter(
                kind="path",
                title=N_("Sensor"),
                help=N_("A file of the kernel's with thousandths of a degree."),
                default="/sys/class/thermal/thermal_zone0/temp",
            ),
        },
        # Documentation/driver-api/thermal/sysfs-api.rst: millidegrees Celsius
        command=(
            "awk -v at=$(date +%Y-%m-%dT%H:%M:%S%z) '{{ printf \"%s %.1f\\n\", at, $1 / 1000 }}' {sensor} >>{log} && "
            "tail -n {lines} {log} >{log}.part && mv {log}.part {log}"
        ),
    ),
    "clean-up": Template(
        title=N_("Clear old files away"),
        summary=N_(
            "Removes the files in a folder, and in those below it, that weren't changed for so many days. Links aren't "
            "followed, other file systems left alone. What is gone is gone: try `find` with -print first."
        ),
        schedule="{at} * * *",
        parameters={
            "at": _time("03:40"),
            "folder": _folder(system=False),
            "days": Parameter(
                kind="number", title=N_("Older than"), unit=N_("days"), least=1, most=36500, default="30"
            ),
            "pattern": Parameter(
                kind="text", title=N_("Names"), help=N_("Which files: * stands for anything."), default="*"
            ),
        },
        command="find {folder} -xdev -type f -name {pattern} -mtime +{days} -delete",
        record=Recommended(lock=True, timeout=3600),
    ),
    "ping": Template(
        title=N_("Health ping"),
        summary=N_(
            "Tells a dead man's switch, such as healthchecks.io, that the machine is well: that it runs, has a "
            "network, and room on a disk. It tells nothing where the disk is fuller than that. To watch one job, "
            "record the job, and have that pinged."
        ),
        before=_CURL_FILE,
        schedule="*/{every} * * * *",
        user="nobody",
        parameters={
            "every": Parameter(kind="number", title=N_("Every"), unit=N_("min"), least=1, most=59, default="5"),
            "file": Parameter(kind="secret", title=N_("File"), help=N_("The file with the URL, for curl.")),
            "disk": Parameter(kind="path", title=N_("Disk of"), default="/"),
            "full": Parameter(kind="number", title=N_("Full at"), unit="%", least=1, most=100, default="95"),
        },
        needs=_CURL,
        command=(
            "[ $(df --output=pcent {disk} | tail -n 1 | tr -dc 0-9) -lt {full} ] && "
            "curl -fsS --max-time 30 --retry 3 -o /dev/null -K {file}"
        ),
    ),
    "postgresql": Template(
        title=N_("Dump a PostgreSQL database"),
        summary=N_(
            "Writes NAME-DATE.dump, for pg_restore(1), into a folder as the user postgres, and removes the oldest "
            "dumps. Backup can take databases along by itself."
        ),
        before=N_("The folder has to be there, and the user postgres may write to it."),
        schedule="{at} * * *",
        user="postgres",
        parameters={
            "at": _time("01:10"),
            "database": Parameter(kind="name", title=N_("Database")),
            "folder": _folder("/var/backups/postgresql"),
            "keep": _keep("7"),
        },
        needs=("/usr/bin/pg_dump",),
        command=(
            "umask 077; cd {folder} && pg_dump -Fc -f .{database}.part -d {database} && "
            "mv .{database}.part {database}-$(date +%Y%m%d-%H%M%S).dump && "
            "ls -1 {database}-????????-??????.dump | head -n -{keep} | xargs -r rm --"
        ),
        record=Recommended(lock=True, timeout=2 * 3600),
    ),
    "mariadb": Template(
        title=N_("Dump a MariaDB database"),
        summary=N_(
            "Writes NAME-DATE.sql.gz into a folder, read in one transaction, and removes the oldest dumps. root needs "
            "no password on Debian. Backup can take databases along by itself."
        ),
        before=N_("The folder has to be there."),
        schedule="{at} * * *",
        parameters={
            "at": _time("01:20"),
            "database": Parameter(kind="name", title=N_("Database")),
            "folder": _folder("/var/backups/mariadb"),
            "keep": _keep("7"),
        },
        needs=("/usr/bin/mariadb-dump",),
        command=(
            "umask 077; cd {folder} && mariadb-dump --single-transaction --routines --events "
            "--result-file=.{database}.part {database} && gzip -f .{database}.part && "
            "mv .{database}.part.gz {database}-$(date +%Y%m%d-%H%M%S).sql.gz && "
            "ls -1 {database}-????????-??????.sql.gz | head -n -{keep} | xargs -r rm --"
        ),
        record=Recommended(lock=True, timeout=2 * 3600),
    ),
}
