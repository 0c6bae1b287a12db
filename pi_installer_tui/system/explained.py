"""Messages that are known: what one means in a sentence, and what to do. Sources: the kernel's and the programs' own
texts, as each line says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pi_installer_tui.i18n import N_


@dataclass(frozen=True, slots=True)
class Known:
    """A message that is known. who: the programs that write it, empty: any. means, advice: sentences, marked by N_."""

    name: str
    who: frozenset[str]
    pattern: re.Pattern[str]
    means: str
    advice: str


def _known(name: str, who: str, pattern: str, means: str, advice: str) -> Known:
    return Known(name, frozenset(who.split()), re.compile(pattern), means, advice)


_SSHD = "sshd sshd-session sshd-auth"

#: the first one that fits is taken
KNOWN: tuple[Known, ...] = (
    # drivers/hwmon/raspberrypi-hwmon.c, drivers/firmware/raspberrypi.c
    _known(
        "under-voltage",
        "kernel",
        r"(?i)under-?voltage detected",
        N_("The voltage fell below 4.63 V: the power supply or its cable is too weak."),
        N_("Use the official power supply and a short cable; unplug what draws power over USB. Data can be damaged."),
    ),
    _known(
        "voltage-normal",
        "kernel",
        r"(?i)voltage normali[sz]ed",
        N_("The voltage is right again after an under-voltage."),
        N_("It was too low before: see to the power supply and its cable."),
    ),
    # drivers/thermal, bcm2835 firmware
    _known(
        "too-hot",
        "kernel",
        r"(?i)(?:critical temperature reached|thermal.*throttl|temperature above threshold)",
        N_("It got too hot and runs slower, or stops, to protect itself."),
        N_("Give it air or a fan, and look for dust and for what keeps the processor busy."),
    ),
    # mm/oom_kill.c
    _known(
        "oom",
        "kernel",
        r"(?:Out of memory: Kill|oom-kill:|invoked oom-killer|oom_reaper)",
        N_("Memory ran out, and the kernel killed a process to get some back."),
        N_("Look for what uses much memory; limit it (MemoryMax= in its unit), stop something, or add swap."),
    ),
    # systemd's service.c, oomd
    _known(
        "unit-oom",
        "systemd systemd-oomd",
        r"(?:result 'oom-kill'|A process of this unit has been killed by the OOM killer|systemd-oomd killed)",
        N_("A service was stopped since memory ran out."),
        N_("Look for what uses much memory; limit it (MemoryMax= in its unit), stop something, or add swap."),
    ),
    # fs/ext4/super.c
    _known(
        "read-only",
        "kernel",
        r"(?i)(?:remounting filesystem read-only|remounted read-only|shutting down filesystem)",
        N_("The file system had errors, and nothing can be written to it any more."),
        N_("Back up what can still be read, check it with fsck from another system, and think of a new card or disk."),
    ),
    _known(
        "file-system",
        "kernel",
        r"(?:EXT4-fs error|EXT4-fs warning.*error|XFS .*(?:corruption|metadata I/O error)|BTRFS error|FAT-fs .*error)",
        N_("The file system found an error in itself."),
        N_("Back up now. Then check it with fsck while it isn't mounted: a power cut or a failing disk did this."),
    ),
    # block/blk-core.c, drivers/mmc, drivers/ata/libata-eh.c
    _known(
        "disk",
        "kernel",
        r"(?:I/O error, dev|Buffer I/O error|critical medium error|mmc\d+: .*(?:error|timeout)|ata\d+.*failed command)",
        N_("A disk or card could not be read or written."),
        N_("Back up now, try another cable or slot, and replace it: it may be failing."),
    ),
    _known(
        "no-space",
        "",
        r"No space left on device",
        N_("The disk is full."),
        N_("Find what is big (`du -xh / | sort -h | tail`), clean up (`apt clean`, `journalctl --vacuum-size=100M`)."),
    ),
    # drivers/usb/core
    _known(
        "usb",
        "kernel",
        r"usb \S+: (?:device descriptor read.* error|device not accepting address|over-current)",
        N_("A USB device doesn't answer as it should."),
        N_("Try another cable or port; a device that draws much needs a hub with power of its own."),
    ),
    # kernel/hung_task.c, kernel/panic.c
    _known(
        "hung",
        "kernel",
        r"blocked for more than \d+ seconds",
        N_("A program waited for minutes, most often for a disk or a network share."),
        N_("Look at the disk's errors and whether a server it mounts from still answers."),
    ),
    _known(
        "segfault",
        "kernel",
        r"segfault at|general protection fault",
        N_("A program crashed by itself."),
        N_("Update it. Crashes of many programs point to failing memory or a weak power supply."),
    ),
    # OpenSSH's auth.c, sshd.c
    _known(
        "ssh-failed",
        _SSHD,
        r"Failed (?:password|publickey|keyboard-interactive\S*) for|Invalid user|authentication failure|maximum "
        r"authentication attempts exceeded",
        N_("Somebody tried to log in and failed."),
        N_("From an address you don't know it is guessing: allow keys only and switch on the bans, in Security."),
    ),
    _known(
        "ssh-penalty",
        _SSHD,
        r"(?:drop connection|PerSourcePenalties|beginning MaxStartups throttling)",
        N_("There are so many attempts to log in that sshd refuses some unheard."),
        N_("It is guessing by machine: allow keys only, switch on the bans, and don't show the port to the world."),
    ),
    _known(
        "ssh-accepted",
        _SSHD,
        r"Accepted \S+ for",
        N_("Somebody logged in by SSH."),
        N_("If it wasn't you or somebody you know, change the keys and passwords now."),
    ),
    _known(
        "pam-failed",
        "",
        r"pam_unix\(\S+\): authentication failure|FAILED LOGIN|FAILED SU",
        N_("A password was wrong."),
        N_("Once is a slip of the finger; many are somebody who guesses."),
    ),
    _known(
        "sudo-refused",
        "sudo",
        r"NOT in sudoers|incorrect password attempt|user NOT authorized",
        N_("Somebody wanted to act as root and was refused."),
        N_("If that account should be able to, give it sudo in Users; if not, ask who it was."),
    ),
    _known(
        "banned",
        "fail2ban fail2ban-server fail2ban.actions",
        r"\bBan \S+",
        N_("fail2ban shut an address out that failed too often."),
        N_("Nothing has to be done. If it was you, lift the ban in Security."),
    ),
    # systemd's service.c, job.c
    _known(
        "restart-loop",
        "systemd",
        r"Start request repeated too quickly",
        N_("A service fails again and again, and systemd has given up on it."),
        N_("Read the service's own lines above: they say why. After mending it, start it anew."),
    ),
    _known(
        "unit-failed",
        "systemd",
        r"Failed with result|Failed to start|Main process exited, code=(?:exited|dumped|killed), status=(?!0/)",
        N_("A service ended with an error."),
        N_("Read the service's own lines just before: they say why."),
    ),
    _known(
        "address-in-use",
        "",
        r"(?i)address already in use",
        N_("The port is taken: another program listens on it already."),
        N_("Find out which one (`ss -ltnp`), and give one of them another port."),
    ),
    # systemd-timesyncd, NetworkManager, wpa_supplicant
    _known(
        "time-jump",
        "systemd-timesyncd systemd chronyd",
        r"(?i)time has been changed|clock (?:change|jump)|System clock (?:wrong|was stepped)",
        N_("The clock was set: times before and after don't compare."),
        N_("A machine without a clock of its own does this after each start, when it has reached a time server."),
    ),
    _known(
        "wifi-key",
        "wpa_supplicant NetworkManager",
        r"(?i)WRONG_KEY|pre-shared key may be incorrect|4-way handshake failed|no-secrets",
        N_("The Wi-Fi refused the key."),
        N_("Type the password of the Wi-Fi anew."),
    ),
    # systemd-resolved, glibc's getaddrinfo
    _known(
        "dns",
        "",
        r"Temporary failure in name resolution|Could not resolve",
        N_("A name could not be turned into an address: the name server didn't answer."),
        N_("See whether the network is up and which name servers are set, in System."),
    ),
    # x509, libraries of all kinds
    _known(
        "certificate",
        "",
        r"(?i)certificate (?:has expired|is not yet valid)|certificate verify failed",
        N_("A certificate isn't valid (any more), or the clock is wrong."),
        N_("Look at the date of this machine first, then renew the certificate."),
    ),
    # dpkg, apt
    _known(
        "packages",
        "",
        r"dpkg was interrupted|unmet dependencies|Could not get lock /var/lib/(?:dpkg|apt)",
        N_("Installing packages was interrupted, or another program is at it."),
        N_("Wait until it is done; if nothing runs, `dpkg --configure -a` and `apt -f install` mend it."),
    ),
)


def explain(message: str, who: str = "") -> Known | None:
    """What is known of a message by a program ("": not known who wrote it)."""
    for each in KNOWN:
        if (not each.who or not who or who in each.who) and each.pattern.search(message):
            return each
    return None
