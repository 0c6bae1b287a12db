"""Web roots, as nginx's, Apache's and Caddy's own files name them."""

from __future__ import annotations

import posixpath
import re

from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.discovery.found import Worthwhile, below, once
from pi_installer_tui.modules.backup.discovery.machine import there, units
from pi_installer_tui.system.host import Host

#: folders with files of one server, and how a root is said in them
_FILES = (
    ("/etc/nginx", r"^[ \t]*root[ \t]+[\"']?(/[^;\"'\s]*)"),
    ("/etc/nginx/sites-enabled", r"^[ \t]*root[ \t]+[\"']?(/[^;\"'\s]*)"),
    ("/etc/nginx/conf.d", r"^[ \t]*root[ \t]+[\"']?(/[^;\"'\s]*)"),
    ("/etc/apache2/sites-enabled", r"(?i)^[ \t]*DocumentRoot[ \t]+[\"']?(/[^\"'\s]*)"),
    ("/etc/lighttpd", r"^[ \t]*server\.document-root[ \t]*=[ \t]*\"(/[^\"]*)\""),
    ("/etc/caddy", r"^[ \t]*root[ \t]+(?:\*[ \t]+)?(/[^\s]*)"),
)
#: what a package brought isn't the owner's
_NOT = ("/usr", "/etc", "/bin", "/lib", "/proc", "/sys", "/dev", "/run", "/tmp")


async def web(host: Host) -> list[Worthwhile]:
    """Folders that are served, and /var/www."""
    roots: set[str] = set()
    for folder, form in _FILES:
        try:
            names = await host.listdir(folder)
        except OSError:
            continue
        for name in names:
            try:
                text = await host.text(f"{folder}/{name}")
            except OSError:
                continue
            roots |= {posixpath.normpath(found) for found in re.findall(form, text or "", re.MULTILINE)}
    wanted = sorted(root for root in roots if root.count("/") > 1 and not below(root, _NOT) and "$" not in root)
    paths: list[str] = []
    for path in await there(host, ["/var/www", *wanted]):
        if not below(path, paths):
            paths.append(path)
    if not paths:
        return []
    # PHP's versions in Debian 12 and 13
    writers = await units(host, "apache2", "php8.2-fpm", "php8.4-fpm")
    return [Worthwhile("web", _("Web sites"), _("what the web server serves"), once(paths), writers=writers)]
