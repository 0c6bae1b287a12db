"""Databases as something worth keeping: those of a server, each of them, and SQLite's files, which belong to whatever
they lie in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pi_installer_tui.databases import ACCOUNTS, Found
from pi_installer_tui.i18n import _
from pi_installer_tui.modules.backup.discovery.found import Worthwhile, below, literally, once

_TITLES = {"postgresql": "PostgreSQL", "mariadb": "MariaDB", "sqlite": "SQLite"}


def servers(databases: Sequence[Found], projects: Mapping[str, str]) -> list[Worthwhile]:
    """A server's databases together, then each. projects: the word of the compose project that has it, by container."""
    kept: list[Worthwhile] = []
    groups: dict[tuple[str, str], list[Found]] = {}
    for each in databases:
        if each.dump.engine != "sqlite":
            groups.setdefault((each.dump.engine, each.dump.container), []).append(each)
    for (engine, container), group in groups.items():
        title = _TITLES[engine] + (f" ({container})" if container else "")
        word = f"{engine}:{container}/" if container else engine
        within = projects.get(container, "")
        if group[0].why:
            about = _("its server can't be asked")
            kept.append(Worthwhile(word, title, about, why=group[0].why, within=within))
            continue
        names = ", ".join(each.dump.of for each in group if each.dump.of != ACCOUNTS)
        whole = Worthwhile(
            word,
            title,
            _("databases: {names}").format(names=names) if names else _("no databases yet, only who may log in"),
            excludes=excluding(group),
            dumps=tuple(each.dump for each in group),
            size=sum(each.size or 0 for each in group),
            within=within,
        )
        kept.append(whole)
        for each in group:
            if each.dump.of != ACCOUNTS:
                name = f"{title}: {each.dump.of}"
                about = _("one database")
                # its files can't be told from the server's others, which may be kept as files
                kept.append(Worthwhile(each.dump.what, name, about, dumps=(each.dump,), size=each.size, within=word))
    return kept


def files(databases: Iterable[Found], kept: Sequence[Worthwhile]) -> list[Worthwhile]:
    """`kept` with SQLite's files dumped where they lie in one of them, and the others by themselves.

    In a home only those outside of hidden folders: programs keep very many small ones there, and each dump is a
    snapshot.
    """
    changed = list(kept)
    alone: list[Worthwhile] = []
    for each in databases:
        if each.dump.engine != "sqlite":
            continue
        path = each.dump.of
        owners = [at for at, one in enumerate(changed) if below(path, one.paths)]
        owners.sort(key=lambda at: max(len(top) for top in changed[at].paths if below(path, [top])), reverse=True)
        within = ""
        if owners:
            owner = changed[owners[0]]
            within = owner.what
            if owner.what == "home" and "/." in path:
                continue
            changed[owners[0]] = replace(
                owner, dumps=(*owner.dumps, each.dump), excludes=once([*owner.excludes, *excluding([each])])
            )
        title = f"SQLite: {path}"
        about = _("one database")
        alone.append(
            Worthwhile(
                each.dump.what,
                title,
                about,
                excludes=excluding([each]),
                dumps=(each.dump,),
                size=each.size,
                within=within,
            )
        )
    return [*changed, *alone]


def excluding(databases: Iterable[Found]) -> tuple[str, ...]:
    """Patterns of live files, which beside a dump are of no use."""
    return once(literally(file) for each in databases for file in each.files)
