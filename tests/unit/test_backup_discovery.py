"""What is worth keeping, on a tree of a machine; what a job's words become; and that patterns leave out what restic's
do."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from pi_installer_tui.databases import ACCOUNTS, Dump, Found
from pi_installer_tui.modules.backup import MODULE
from pi_installer_tui.modules.backup.discovery import Contents, Measured, Worthwhile, discover, measure, resolve
from pi_installer_tui.modules.backup.discovery.containers import Boxes, look, worthwhile
from pi_installer_tui.modules.backup.discovery.found import literally
from pi_installer_tui.modules.backup.discovery.patterns import leaving_out
from pi_installer_tui.modules.backup.discovery.stores import files, servers
from pi_installer_tui.modules.backup.settings import JobSettings
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.system.host import Completed
from pi_installer_tui.system.local import LocalHost
from tests.restic.ready import ready


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoHost:
    monkeypatch.setenv("PI_INSTALLER_TUI_DEMO_PACE", "0")
    return DemoHost.create(str(tmp_path / "demo"))


def put(host: DemoHost, path: str, text: str = "x") -> None:
    at = Path(host.address, "root", path.lstrip("/"))
    at.parent.mkdir(parents=True, exist_ok=True)
    at.write_text(text)


def by_word(found: tuple[Worthwhile, ...]) -> dict[str, Worthwhile]:
    words = [each.what for each in found]
    assert len(words) == len(set(words))
    return {each.what: each for each in found}


async def test_what_a_machine_has_is_found_where_it_says_it_is(demo: DemoHost) -> None:
    put(demo, "/home/pi/letter.txt")
    put(demo, "/var/mail/pi")
    put(demo, "/etc/wireguard/wg0.conf")
    put(demo, "/etc/pi-installer-tui/vpn.yaml")
    put(demo, "/etc/pi-installer-tui/secrets/vpn.wg0.phone")
    put(demo, "/etc/pi-installer-tui/secrets/backup.nas-key")
    put(demo, "/srv/shop/index.html")
    put(demo, "/srv/blog/public/index.html")
    put(
        demo,
        "/etc/nginx/sites-enabled/shop",
        "server {\n  # root /nowhere;\n  root /srv/shop;\n root /usr/share/nginx;\n}\n",
    )
    put(demo, "/etc/apache2/sites-enabled/blog.conf", 'DocumentRoot "/srv/blog/public/"\n  DocumentRoot /srv/gone\n')
    put(demo, "/var/lib/mosquitto/mosquitto.db")
    put(demo, "/var/lib/homeassistant/configuration.yaml")
    put(demo, "/lib/systemd/system/mosquitto.service")
    put(demo, "/etc/systemd/system/home-assistant@.service")
    found = by_word(await discover(demo))
    assert "/etc" in found["system"].paths and "/var/lib/dpkg/status" in found["system"].paths
    assert found["home"].paths[0] == "/home" and "/home/*/.cache" in found["home"].excludes
    assert set(found["web"].paths) >= {"/srv/shop", "/srv/blog/public"}
    assert not any(path.startswith("/usr") or "gone" in path or "nowhere" in path for path in found["web"].paths)
    assert found["mail"].paths == ("/var/mail",)
    assert found["wireguard"].within == "system"
    assert found["wireguard"].paths == (
        "/etc/wireguard", "/etc/pi-installer-tui/vpn.yaml", "/etc/pi-installer-tui/secrets/vpn.wg0.phone",
    )  # fmt: skip
    assert found["mosquitto"].paths[0] == "/var/lib/mosquitto"
    assert found["home-assistant"].paths == ("/var/lib/homeassistant",)
    assert found["mosquitto"].writers == ("unit:mosquitto.service",)
    assert found["home-assistant"].writers == ("unit:home-assistant@homeassistant.service",)
    assert found["mail"].writers == (), "no mail server is installed"
    assert MODULE.choices(await MODULE.read(demo), "stoppable") == (
        *("unit:home-assistant@homeassistant.service", "unit:mosquitto.service"),
    )
    for each in found.values():
        assert each.title and all(path.startswith("/") for path in each.paths), each
        JobSettings(what=(each.what,))  # each word may stand in a job


async def test_what_isnt_there_isnt_offered(demo: DemoHost) -> None:
    found = by_word(await discover(demo))
    assert not {"mail", "wireguard", "postgresql", "mariadb", "home-assistant", "mosquitto"} & found.keys()


async def test_a_job_holds_what_is_there_and_says_what_is_missing(demo: DemoHost) -> None:
    put(demo, "/srv/photos/a.jpg")
    put(demo, "/srv/app.data")
    job = JobSettings(
        what=("home", "postgresql:app", "volume:gone", "sqlite:/srv/app.data", "sqlite:/srv/none.db"),
        paths=("/srv/photos", "/srv/nothing"),
        exclude=("*.tmp",),
        stop=("unit:cron.service",),
    )
    held = await resolve(demo, job)
    assert "/home" in held.paths and "/srv/photos" in held.paths and "/srv/nothing" not in held.paths
    assert held.exclude[-1] == "*.tmp" and "/srv/app.data-wal" in held.exclude
    assert held.dumps == (Dump("sqlite", "/srv/app.data"),)
    assert held.stops == ("unit:cron.service",)
    assert len(held.missing) == 4
    assert all(
        any(word in line for line in held.missing) for word in ("postgresql:app", "gone", "none.db", "/srv/nothing")
    )


def test_a_servers_databases_are_offered_together_and_each() -> None:
    here = [
        Found(Dump("postgresql", name), size, ("/var/lib/postgresql/15/main",))
        for name, size in (("app", 10), ("wiki", 5), (ACCOUNTS, None))
    ]
    asleep = Found(Dump("mariadb", "", "shop-db"), why="its server doesn't run")
    found = by_word(tuple(servers([*here, asleep], {"shop-db": "compose:/srv/shop"})))
    assert found["postgresql"].dumps == tuple(each.dump for each in here)
    assert found["postgresql"].size == 15 and found["postgresql"].excludes == ("/var/lib/postgresql/15/main",)
    assert found["postgresql:app"].dumps == (Dump("postgresql", "app"),)
    assert found["postgresql:app"].within == "postgresql" and f"postgresql:{ACCOUNTS}" not in found
    assert found["mariadb:shop-db/"].why == "its server doesn't run"
    assert found["mariadb:shop-db/"].within == "compose:/srv/shop"


def test_files_of_sqlite_are_dumped_with_what_they_lie_in() -> None:
    def one(path: str) -> Found:
        return Found(Dump("sqlite", path), 1, (path, f"{path}-wal"))

    kept = [Worthwhile("home", "", paths=("/home",)), Worthwhile("web", "", paths=("/home/pi/www",))]
    paths = ("/home/pi/www/[shop].db", "/home/pi/notes.db", "/home/pi/.config/x.db", "/opt/alone.db")
    found = by_word(tuple(files(map(one, paths), kept)))
    assert found["web"].dumps == (Dump("sqlite", paths[0]),)
    assert found["web"].excludes == ("/home/pi/www/\\[shop].db", "/home/pi/www/\\[shop].db-wal")
    assert found["home"].dumps == (Dump("sqlite", paths[1]),), "not those of hidden folders"
    assert found["sqlite:/opt/alone.db"].within == "" and found[f"sqlite:{paths[1]}"].within == "home"
    assert f"sqlite:{paths[2]}" not in found


INSPECTED = [
    {
        "Name": "/shop-db-1",
        "State": {"Running": True},
        "Config": {
            "Env": ["PG_MAJOR=17", "PGDATA=/var/lib/postgresql/data", "POSTGRES_PASSWORD=geheim"],
            "Labels": {
                "com.docker.compose.project": "shop",
                "com.docker.compose.project.working_dir": "/srv/shop",
                "com.docker.compose.project.config_files": "/srv/shop/compose.yml,/srv/shared.yml",
            },
        },
        "Mounts": [
            {
                "Type": "volume",
                "Name": "shop_db",
                "Source": "/var/lib/docker/volumes/shop_db/_data",
                "Destination": "/var/lib/postgresql/data",
                "RW": True,
            }
        ],
    },
    {
        "Name": "/shop-web-1",
        "State": {"Running": True},
        "Config": {
            "Env": ["PATH=/bin"],
            "Labels": {
                "com.docker.compose.project": "shop",
                "com.docker.compose.project.working_dir": "/srv/shop",
            },
        },
        "Mounts": [
            {
                "Type": "volume",
                "Name": "up",
                "Source": "/var/lib/docker/volumes/up/_data",
                "Destination": "/up",
                "RW": True,
            },
            {"Type": "bind", "Source": "/mnt/films", "Destination": "/films", "RW": True},
            {"Type": "bind", "Source": "/opt/shop-data", "Destination": "/data", "RW": True},
            {"Type": "bind", "Source": "/run/docker.sock", "Destination": "/run/docker.sock", "RW": True},
        ],
    },
    {
        "Name": "/grafana",
        "State": {"Running": True},
        "Config": {"Env": None, "Labels": None},
        "Mounts": [
            {
                "Type": "volume",
                "Name": "g",
                "Source": "/var/lib/docker/volumes/g/_data",
                "Destination": "/g",
                "RW": True,
            }
        ],
    },
    {
        "Name": "/wiki",
        "State": {"Running": True},
        "Config": {"Env": [], "Labels": {}},
        "Mounts": [
            {
                "Type": "volume",
                "Name": "w",
                "Source": "/var/lib/docker/volumes/w/_data",
                "Destination": "/w",
                "RW": True,
            }
        ],
    },
]


class Docker(LocalHost):
    """A machine whose Docker answers as `docker inspect` was seen to."""

    async def which(self, program: str) -> str | None:
        return "/usr/bin/docker" if program == "docker" else None

    async def stat(self, path: str):  # type: ignore[no-untyped-def]
        return await super().stat("/etc/passwd" if path == "/run/docker.sock" else path)

    async def run(self, argv, **more):  # type: ignore[no-untyped-def]
        volumes = ["shop_db", "up", "g", "w", "5" * 64]
        said = {
            "ps": "1\n2\n3\n4",
            "volume ls": "\n".join(volumes),
            "container inspect": json.dumps(INSPECTED),
            "volume inspect": json.dumps(
                [{"Name": n, "Driver": "local", "Mountpoint": f"/var/lib/docker/volumes/{n}/_data"} for n in volumes]
            ),
        }
        text = next(text for words, text in said.items() if " ".join(argv[1:]).startswith(words))
        return Completed(tuple(argv), 0, text, "")


async def test_compose_projects_and_volumes_are_kept_with_what_has_to_stop() -> None:
    boxes: Boxes = await look(Docker())
    assert "geheim" not in repr(boxes)
    (server,) = boxes.servers
    assert (server.engine, server.container) == ("postgresql", "shop-db-1")
    volume = "/var/lib/docker/volumes/shop_db/_data"
    databases = [
        Found(Dump("postgresql", "shop", "shop-db-1"), 5, (volume,)),
        Found(Dump("sqlite", "/var/lib/docker/volumes/g/_data/grafana.db"), 5, ("/x",)),
    ]
    found = by_word(tuple(worthwhile(boxes, databases)))
    assert found.keys() == {"compose:/srv/shop", "volume:g", "volume:up", "volume:w"}, "no nameless one of nobody"
    assert found["volume:up"].within == "compose:/srv/shop" and found["volume:w"].within == ""
    shop = found["compose:/srv/shop"]
    assert shop.paths[0] == "/srv/shop" and set(shop.paths[1:]) == {
        "/srv/shared.yml",
        "/opt/shop-data",
        volume,
        "/var/lib/docker/volumes/up/_data",
    }
    assert shop.dumps == (databases[0].dump,) and shop.excludes == (volume,)
    assert shop.stops == ("container:shop-web-1",), "the database is dumped, and goes on"
    assert found["volume:g"].stops == (), "its database is dumped"
    assert found["volume:w"].stops == ("container:wiki",)


# what restic leaves out ----------------------------------------------------------------------------------------------

#: below a folder of its own each: a pattern after it, as absolute ones are
ABSOLUTE = ["a", "a/b", "*", "*/b", "a*", "**/b", "a/**/c", "**", "a/**", "?", "[a-b]", "[^a]", "\\*", "a/*/c", "*.b*"]
#: those that are tried together take different things
RELATIVE = [
    ["*.txt", "A"],
    ["a/b", "ü?"],
    ["**/c", "[x]"],
    ["a/**/c", "\\[x]"],
    ["[b-d]/"],
    ["**/b/**"],
    ["a/*", "x.*.?"],
]
TREE = [
    "a/b/c",
    "a/b/d.txt",
    "a/c",
    "b/a/c",
    "b.txt",
    "c",
    "x.b.y",
    "*",
    "A/c",
    "üü/c",
    "d/e/b/c",
    "d/e/f/c.txt",
    "[x]/c",
]


def grow(folder: Path) -> None:
    for name in TREE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def kept_by_restic(repository: Path, folder: Path, patterns: list[str]) -> set[str]:
    base = ["restic", "--repo", str(repository), "--no-cache"]
    environment = {"PATH": "/usr/bin:/bin", "RESTIC_PASSWORD": "x", "HOME": "/"}
    if not repository.exists():
        ready(repository, "x")
    words = [word for pattern in patterns for word in ("--exclude", pattern)]
    argv = [*base, "backup", "--dry-run", "--json", "--verbose=2", *words, str(folder)]
    said = subprocess.run(argv, env=environment, check=True, capture_output=True).stdout.splitlines()
    told = [message for line in said if (message := json.loads(line))["message_type"] == "verbose_status"]
    return {message["item"] for message in told if message["item"] and not message["item"].endswith("/")}


@pytest.mark.skipif(not shutil.which("restic"), reason="restic isn't installed")
def test_patterns_leave_out_what_restics_do(tmp_path: Path) -> None:
    for number in range(len(ABSOLUTE)):
        grow(tmp_path / "tree" / str(number))
    patterns = [f"{tmp_path}/tree/{number}/{pattern}" for number, pattern in enumerate(ABSOLUTE)]
    runs = [(tmp_path / "tree", patterns), *((tmp_path / "tree" / "0", each) for each in RELATIVE)]
    for folder, wanted in runs:
        left_out = leaving_out(wanted)
        all_files = {str(path) for path in folder.rglob("*") if path.is_file()}
        ours = {path for path in all_files if not left_out(path)}
        assert ours == kept_by_restic(tmp_path / "repository", folder, wanted), wanted
        assert ours < all_files, wanted


@pytest.mark.skipif(not shutil.which("restic"), reason="restic isn't installed")
def test_a_literal_pattern_means_one_path(tmp_path: Path) -> None:
    odd = ["a*b", "a[b]", "a?b", "a\\b", "axb", "ab"]
    folder = tmp_path / "tree"
    folder.mkdir()
    for name in odd:
        (folder / name).write_text(name)
    kept = kept_by_restic(tmp_path / "repository", folder, [literally(f"{folder}/{name}") for name in odd[:4]])
    assert kept == {f"{folder}/axb", f"{folder}/ab"}


# how large it is -----------------------------------------------------------------------------------------------------


async def sizes(contents: Contents) -> dict[str, Measured]:
    return {one.path: one async for one in measure(LocalHost(), contents) if one.done}


async def test_sizes_are_those_of_what_is_kept(tmp_path: Path) -> None:
    top = tmp_path / "top"
    for name, size in (("a.bin", 1000), ("sub/b.bin", 200), ("sub/c.tmp", 30), ("cache/d", 4), ("in ner/e\nf", 5)):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(b"x" * size)
    (top / "again").hardlink_to(top / "a.bin")
    (top / "link").symlink_to("a.bin")
    found = await sizes(Contents(paths=(str(top), f"{top}/in ner"), exclude=("*.tmp", f"{top}/cache")))
    assert found == {
        str(top): Measured(str(top), 1200, 2, done=True),
        f"{top}/in ner": Measured(f"{top}/in ner", 5, 1, done=True),
    }
    assert (await sizes(Contents(paths=("/nowhere",))))["/nowhere"] == Measured("/nowhere", done=True)


async def test_the_demo_machine_is_measured_too(demo: DemoHost) -> None:
    put(demo, "/srv/x/a", "12345")
    put(demo, "/srv/x/b.tmp", "12345")
    found = [one async for one in measure(demo, Contents(paths=("/srv/x",), exclude=("*.tmp",)))]
    assert found[-1] == Measured("/srv/x", 5, 1, done=True)


async def test_the_search_for_sqlite_goes_by_the_first_bytes(tmp_path: Path) -> None:
    from pi_installer_tui.databases.finding import sqlite_files

    (tmp_path / ".cache").mkdir()
    for name in ("real.db", "real.sqlite3", ".cache/no.db", "other.data"):
        with sqlite3.connect(tmp_path / name) as connection:
            connection.execute("create table t(x)")
        connection.close()
    (tmp_path / "fake.db").write_text("SQLite format 2")
    (tmp_path / "link.db").symlink_to("real.db")
    found = await sqlite_files(LocalHost(), [str(tmp_path), str(tmp_path / "nowhere")])
    assert [each.dump.of for each in found] == [f"{tmp_path}/real.db", f"{tmp_path}/real.sqlite3"]
    assert found[0].size == (tmp_path / "real.db").stat().st_size
