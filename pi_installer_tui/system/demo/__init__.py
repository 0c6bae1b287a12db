"""A Raspberry Pi 4 with Raspberry Pi OS that is only played: for `--demo`, the screenshots and most screen tests.

    debian.txt.gz    the recording of a Debian 13 machine (record.py makes it)
    raspberry.txt    what a Raspberry Pi has of its own: board, firmware, Wi-Fi, /proc and /sys
    tree.py          the folder made from both, and what the players see of it
    players.py       how a program is played; its docstring shows a whole player
    basics.py        hostnamectl, timedatectl, localectl, locale-gen, ...
    network.py       nmcli, ip, ping, arping, ...
    listening.py     ss
    router.py        the FRITZ!Box at the gateway: PCP, NAT-PMP, UPnP, DNS
    numbers.py       /proc and /sys with numbers that move, while the dashboard looks
    units.py         systemctl, ...; collector.py: what the program's own service has written; timers.py: list-timers
    accounts.py      useradd, chpasswd, sudo, ssh-keygen, ...
    packages.py      apt-get, dpkg-query, ...
    security.py      sshd, fail2ban-client, sysctl, auditctl; sshd.txt: what sshd -T says by itself
    ufw.py           ufw, iptables; ufw.txt: the files of the package, the kernel's rules; nftables.py: nft
    wireguard.py     wg, wg-quick; tunnel.py: a tunnel with seven peers; curve.py: keys; gpg.py: gpg
    disks.py         lsblk, findmnt, blkid: the card and a USB disk; mounting.py: mount, umount
    restic/          restic on a folder; home.py: pi's files and three weeks of backups; restic/past.py makes theirs
    databases.py     PostgreSQL, as our own processes ask, dump and load
    servers.py       ssh-keyscan, ssh, sftp: one server that lets nobody in

To play another program, write its coroutine in the file of its topic, decorate it with `@player("name")` (with
`package="..."` where it comes with a package that isn't installed from the start) and let it read and write the tree
where the real one does. Say what the real one says: try it on a real machine first. A program that nobody plays is not
installed. One that is seldom asked for is named in host.py by `played_in`, and imported when it first runs. The same
test runs on DemoHost and on a real machine: tests/contract.
"""

from pi_installer_tui.system.demo.host import DemoHost

__all__ = ["DemoHost"]
