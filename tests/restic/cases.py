"""The cases. Each is a promise of pi_installer_tui/restic/, kept by the restic that is installed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from pi_installer_tui.restic import program
from pi_installer_tui.restic.answers import Progress, Reason
from pi_installer_tui.restic.engine import REPLACED, Restic, literal
from pi_installer_tui.restic.index import Index
from pi_installer_tui.restic.keeping import Moment, Policy, keep, written
from pi_installer_tui.restic.locks import holders
from pi_installer_tui.restic.mounted import look
from pi_installer_tui.restic.place import Place
from pi_installer_tui.restic.program import document
from pi_installer_tui.restic.words import sentence

from .bench import NAMES, Bench, answering, children, command, contents, fails, mounted_at, sshd

Case = Callable[[Bench], Coroutine[Any, Any, None]]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


# made, filled, looked at ------------------------------------------------------------------------------------------


@case
async def a_repository_is_made_filled_and_listed(bench: Bench) -> None:
    restic = bench.restic()
    assert not await restic.initialised()
    await restic.init()
    assert await restic.initialised()
    before = time.time()
    seen: list[Progress] = []
    made = await restic.back_up([str(bench.tree())], tags=["job=attic", "run=7"], progress=seen.append)
    (found,) = await restic.snapshots("job=attic")
    another = ("1" if found.id[0] == "0" else "0") * len(found.short)
    assert await restic.whole([made.snapshot, found.short, another]) == [found.id, found.id, another]
    assert (found.tagged("run"), found.paths) == ("7", (str(bench.tree()),))
    assert abs(found.time - before) < 60
    assert made.files_new == len(NAMES) + 3
    assert await restic.snapshots("job=other") == ()


@case
async def a_wrong_password_and_no_repository_are_told_apart(bench: Bench) -> None:
    restic = await bench.filled()
    bench.secret("password", "another one")
    await fails("wrong-password", restic.snapshots)
    await fails("no-repository", bench.restic(bench.place(bench.folder / "nothing")).snapshots)


@case
async def two_snapshots_are_compared_and_searched(bench: Bench) -> None:
    restic = await bench.filled()
    source = bench.folder / "changed"
    command("cp", "-a", f"{bench.tree()}/deep", source)
    await restic.back_up([str(source)])
    (source / "er" / "Notes.txt").write_text("other notes")
    (source / "er" / "added").write_text("new")
    await restic.back_up([str(source)])
    first, second, third = await restic.snapshots()
    signs = {Path(each.path).name: each.sign for each in (await restic.compare(second.id, third.id)).changes}
    assert (signs["Notes.txt"], signs["added"]) == ("M", "+")
    found = await restic.find(f"*{literal('note')}*")
    assert {snapshot for snapshot, _entry in found} == {first.id, second.id, third.id}
    assert {entry.path.rpartition("/")[2] for _snapshot, entry in found} == {"Notes.txt"}
    only = await restic.find("*ADDED*", snapshots=[second.id])
    assert only == ()


@case
async def a_folder_is_listed_alone(bench: Bench) -> None:
    restic = await bench.filled()
    (snapshot,) = await restic.snapshots()
    names = {entry.path.rpartition("/")[2]: entry for entry in await restic.folder(snapshot.id, str(bench.tree()))}
    assert set(names) == {"deep", "large", "link", "names", "suid"}
    assert (names["suid"].mode, names["link"].kind, names["large"].size) == (0o4755, "symlink", 3_000_000)


@case
async def the_index_answers_as_the_tree(bench: Bench) -> None:
    restic = await bench.filled()
    (snapshot,) = await restic.snapshots()
    async with aclosing(restic.tree(snapshot.id)) as entries:
        every = [entry async for entry in entries]
    index = await Index.read(restic, snapshot.id, folder=str(bench.folder))
    try:
        assert index.count == len(every)
        for entry in every:
            assert index.entry(entry.path) == entry, (index.entry(entry.path), entry)
            inside = {each.path for each in every if each.path.rpartition("/")[0] == entry.path}
            assert {each.path for each in index.children(entry.path)} == inside
        root = str(bench.tree())
        assert index.total("/") == index.total(root)
        assert index.total(root).files == sum(entry.kind != "dir" for entry in every)
        assert index.total(root).size == sum(entry.size or 0 for entry in every)
        assert [each.path for each in index.search("NOTES")] == [f"{root}/deep/er/Notes.txt"]
        assert [each.path for each in index.search("ML\u00c4UT")] == [f"{root}/names/\u00fcml\u00e4ut \u732b"]
        assert [each.path for each in index.search("b[1]*?")] == [f"{root}/names/glob[1]*?"]
        for sign in "%_":  # SQL's own wildcards; a folder above may have one in its name
            assert all(sign in each.path.rpartition("/")[2] for each in index.search(sign))
        below = [each.path for each in index.below(f"{root}/deep")]
        assert below == [f"{root}/deep", f"{root}/deep/er", f"{root}/deep/er/Notes.txt"]
        assert [each.path for each in index.below("/")] == [each.path for each in every]
        assert index.children("/no/such") == ()
    finally:
        index.close()
    assert list(bench.folder.glob("pi-installer-tui-*")) == []


# restored ---------------------------------------------------------------------------------------------------------


@case
async def each_name_is_restored_and_no_other(bench: Bench) -> None:
    restic = await bench.filled()
    (snapshot,) = await restic.snapshots()
    folder = str(bench.tree() / "names")
    for at in (0, 1):
        wanted = NAMES[at::2]
        target = bench.folder / f"out{at}"
        shown = [f"{folder}/{name.decode('utf-8', 'replace')}" for name in wanted]
        done = await restic.restore(snapshot.id, shown, str(target), verify=True)
        assert done.errors == ()
        assert contents(f"{target}{folder}") == {name: name for name in wanted}


@case
async def a_restoration_tells_how_far_it_is_and_what_it_could_not(bench: Bench) -> None:
    restic = await bench.filled()
    (snapshot,) = await restic.snapshots()
    target = bench.folder / "out"
    (Path(f"{target}{bench.tree()}") / "suid" / "in the way").mkdir(parents=True)
    seen: list[Progress] = []
    looked: list[int] = []

    async def look() -> Progress | None:
        looked.append(1)
        return None

    done = await restic.restore(snapshot.id, ["/"], str(target), progress=seen.append, look=look)
    assert [path for path, _why in done.errors if path.endswith("/suid")], done
    assert contents(f"{target}{bench.tree()}")[b"large"] == (bench.tree() / "large").read_bytes()
    if await restic.able("restore-progress"):
        assert done.files is not None and not looked
    await fails("failed", lambda: restic.restore(snapshot.id, [f"/nothing{REPLACED}"], str(target)))


@case
async def a_file_comes_as_a_stream(bench: Bench) -> None:
    restic = await bench.filled()
    (snapshot,) = await restic.snapshots()
    path = f"{bench.tree()}/large"
    async with aclosing(restic.dump(snapshot.id, path)) as chunks:
        found = b"".join([chunk async for chunk in chunks])
    assert found == (bench.tree() / "large").read_bytes()
    began = time.monotonic()
    async with aclosing(restic.dump(snapshot.id, path)) as chunks:
        assert await anext(chunks)
    assert time.monotonic() - began < 30

    async def missing() -> None:
        async with aclosing(restic.dump(snapshot.id, "/nothing")) as chunks:
            async for _chunk in chunks:
                pass

    await fails("failed", missing)
    assert await restic.locks() == ()


# kept in order ----------------------------------------------------------------------------------------------------


@case
async def a_flipped_bit_is_found_by_reading_the_data(bench: Bench) -> None:
    restic = await bench.filled()
    assert (await restic.check()).good
    assert (await restic.check(100)).good
    pack = max(bench.folder.glob("repository/data/*/*"), key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    content = bytearray(pack.read_bytes())
    content[5000] ^= 1
    pack.write_bytes(content)
    assert (await restic.check()).good, "the structure alone doesn't show it"
    found = await restic.check(100)
    assert not found.good
    assert found.packs == (pack.name,)
    assert all("issues/new" not in each and "restic repair" not in each for each in found.errors)
    (snapshot,) = await restic.snapshots()
    done = await restic.restore(snapshot.id, ["/"], str(bench.folder / "out"))
    assert {path.rpartition("/")[2] for path, _why in done.errors} == {"large"}, done.errors

    pack.unlink()
    await restic.run("rebuild-index", write=True)
    said: list[str] = []
    again = await restic.back_up([str(bench.tree())], said=said.append)
    assert (await restic.check(100)).good, "what the repository lacks is saved once more"
    if await restic.able("check-json"):  # 0.14 doesn't say why it tells of a file
        assert said and again.unread == (), "and could be read"


@case
async def a_missing_pack_and_a_damaged_index_are_found(bench: Bench) -> None:
    restic = await bench.filled()
    pack = max(bench.folder.glob("repository/data/*/*"), key=lambda path: path.stat().st_size)
    kept = pack.read_bytes()
    pack.unlink()
    found = await restic.check()
    assert found.packs == (pack.name,), found
    pack.write_bytes(kept)
    (index,) = bench.folder.glob("repository/index/*")
    index.chmod(0o600)
    content = bytearray(index.read_bytes())
    content[20] ^= 1
    index.write_bytes(content)
    found = await restic.check()
    assert found.index, found
    (snapshot,) = await restic.snapshots()
    await fails("damaged", lambda: restic.restore(snapshot.id, ["/"], str(bench.folder / "out")))


@case
async def what_is_forgotten_frees_what_was_said(bench: Bench) -> None:
    restic = await bench.filled()
    more = bench.folder / "more"
    more.write_bytes(os.urandom(2_000_000))
    await restic.back_up([str(more)])
    first, second = await restic.snapshots()
    said = await restic.would_free([second.id])
    assert said.freed is not None and abs(said.freed - 2_000_000) < 20_000
    assert len(await restic.snapshots()) == 2
    await restic.forget([second.id, "0" * 64])
    freed = (await restic.prune()).freed
    assert freed is not None and abs(freed - said.freed) < 20_000
    assert [each.id for each in await restic.snapshots()] == [first.id]
    assert (await restic.check(100)).good
    assert (await restic.stats(first.id)).size > 3_000_000
    assert (await restic.stats(what="raw-data")).blobs > 0


@case
async def a_lock_is_explained_and_only_that_one_removed(bench: Bench) -> None:
    restic = await bench.filled()
    async with bench.holder(restic) as process:
        (held,) = await holders(restic, time.time())
        assert (held.lock.pid, held.here, held.alive, held.stale) == (process, True, True, False)
        assert held.age < 60
        await fails("locked", restic.check)
        await fails("locked", restic.prune)
        await restic.unlock_stale()
        assert await restic.locks() == (held.lock,)
    (left,) = await holders(restic, time.time())
    assert (left.lock, left.alive, left.stale) == (held.lock, False, True)
    (bench.folder / "repository" / "locks" / ("0" * 64)).write_text("of another kind")
    await restic.unlock([left.lock.id])
    assert [path.name for path in bench.folder.glob("repository/locks/*")] == ["0" * 64]


@case
async def a_lock_left_behind_goes_by_itself(bench: Bench) -> None:
    restic = await bench.filled()
    async with bench.holder(restic):
        pass
    assert len(await restic.locks()) == 1
    await restic.unlock_stale()
    assert await restic.locks() == ()


@case
async def ended_early_it_leaves_no_lock_and_the_next_run_is_good(bench: Bench) -> None:
    restic = await bench.filled()
    large = bench.folder / "endless"
    with large.open("wb") as file:
        file.truncate(1 << 43)
    begun = asyncio.Event()
    running = asyncio.create_task(
        restic.back_up([str(large)], progress=lambda progress: begun.set() if progress.bytes_done else None)
    )
    await asyncio.wait_for(begun.wait(), 120)
    assert len(await restic.locks()) == 1
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert await restic.locks() == ()
    large.unlink()
    assert len(await restic.snapshots()) == 1
    await restic.back_up([str(bench.tree())])
    assert (await restic.check(100)).good


@case
async def one_that_is_ended_from_outside_is_interrupted(bench: Bench) -> None:
    restic = await bench.filled()
    large = bench.folder / "endless"
    with large.open("wb") as file:
        file.truncate(1 << 43)

    def progress(at: Progress) -> None:
        for process in children():
            os.kill(process, signal.SIGINT)

    await fails("interrupted", lambda: restic.back_up([str(large)], progress=progress))


@case
async def retention_is_what_restic_would_do(bench: Bench) -> None:
    """On snapshots with made-up times, in several zones. 0.14 lets the oldest go where 0.18 keeps it."""
    random = Random(8)
    restic = await bench.filled()
    file = bench.folder / "small"
    file.write_text("small")
    now = time.time()
    for _number in range(9):
        ago = random.choice([random.uniform(0, 3), random.uniform(0, 60), random.uniform(0, 900)]) * 86400
        zone = random.choice(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
        at = datetime.fromtimestamp(now - ago, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
        env = {**os.environ, **await restic.environment(), "TZ": zone}
        command(*restic.argv("backup", "--quiet", "--force", "--time", at, "--", str(file)), env=env)
    snapshots = sorted(await restic.snapshots(), key=lambda each: each.time, reverse=True)
    assert len({each.zone for each in snapshots}) > 2
    for _trial in range(7):
        numbers = {
            rule: random.choice([0, 0, 1, 2, 4, 30]) for rule in ("last", "daily", "weekly", "monthly", "yearly")
        }
        within = random.choice(["", "", "2d12h", "1m", "1y1m3d", "13m31d"])
        policy = Policy(**numbers, within=within)
        if policy.empty:
            continue
        options = [f"--keep-{rule}={number}" for rule, number in numbers.items() if number]
        options += [f"--keep-within={written(within)}"] if within else []
        done = await restic.run("forget", "--dry-run", "--no-lock", "--json", "--group-by=", *options)
        theirs = {each["id"] for each in document(done.stdout)[0]["keep"]}
        rules = keep([Moment(each.time, each.zone) for each in snapshots], policy, now=time.time())
        ours = {each.id for each, why in zip(snapshots, rules, strict=True) if why}
        if await restic.version() < (0, 16):
            theirs |= {snapshots[-1].id} & ours
        assert ours == theirs, policy


# places that fail -------------------------------------------------------------------------------------------------


@case
async def a_full_place_is_told_and_good_again_with_room(bench: Bench) -> None:
    with bench.tmpfs(6) as disk:
        restic = bench.empty(disk / "repository")
        await restic.back_up([str(bench.tree())])
        large = bench.folder / "large"
        large.write_bytes(os.urandom(12_000_000))
        await fails("no-space", lambda: restic.back_up([str(large)]))
        several = [bench.folder / f"several-{number}" for number in range(4)]
        for each in several:
            each.write_bytes(os.urandom(5_000_000))
        command("mount", "-o", "remount,size=12m", disk)
        await restic.unlock_stale()
        looks = program.DISK
        program.DISK = 1.0
        try:  # 0.14 may wait for itself where several packs find no room, and never end
            async with asyncio.timeout(60):
                await fails("no-space", lambda: restic.back_up([str(each) for each in several]))
        finally:
            program.DISK = looks
        command("mount", "-o", "remount,size=60m", disk)
        await restic.unlock_stale()
        await restic.back_up([str(large)])
        assert len(await restic.snapshots()) == 2
        assert (await restic.check(100)).good


@case
async def a_read_only_place_is_told_at_once_and_can_be_read(bench: Bench) -> None:
    with bench.tmpfs(20) as disk:
        restic = bench.empty(disk / "repository")
        await restic.back_up([str(bench.tree())])
        command("mount", "-o", "remount,ro", disk)
        began = time.monotonic()
        await fails("refused", lambda: restic.back_up([str(bench.tree())]), "read-only")
        assert time.monotonic() - began < 5
        (snapshot,) = await restic.snapshots()
        done = await restic.restore(snapshot.id, [f"{bench.tree()}/deep"], str(bench.folder / "out"))
        assert done.errors == ()


@case
async def a_disk_that_is_not_there_is_never_written_past(bench: Bench) -> None:
    mount = bench.folder / "usb"
    mount.mkdir()
    place = bench.place(mount / "pi" / "repository", device="LABEL=attic", mount=str(mount))
    restic = bench.restic(place)
    with bench.disk("attic") as device, bench.disk("other") as other:
        uuid = command("blkid", "--probe", "--match-tag", "UUID", "--output", "value", device).decode().strip()
        trouble = await fails("not-mounted", restic.init)
        assert (trouble.values["wrong"], list(mount.iterdir())) == ("nothing", [])
        with mounted_at(other, mount):
            trouble = await fails("not-mounted", restic.init)
            assert (trouble.values["wrong"], trouble.values["source"]) == ("other", str(other))
        with mounted_at(device, mount):
            (mount / "pi").mkdir()
            await restic.init()
            await restic.back_up([str(bench.tree())])
            found = await look(bench.host, place)
            assert found.wrong == "" and found.total is not None and found.total > 10_000_000
            by_uuid = replace(place, device=f"UUID={uuid}")
            assert (await look(bench.host, by_uuid)).wrong == ""
            elsewhere = replace(place, path=str(bench.folder / "repository"))
            assert (await look(bench.host, elsewhere)).wrong == "elsewhere"
            linked = bench.folder / "linked"
            linked.symlink_to(bench.folder)
            assert (await look(bench.host, replace(place, path=f"{linked}/usb/pi/repository"))).wrong == ""
            command("mount", "-o", "remount,ro", mount)
            assert len(await restic.snapshots()) == 1
            await fails("refused", lambda: restic.back_up([str(bench.tree())]), "read-only")
        await fails("not-mounted", lambda: restic.back_up([str(bench.tree())]))
        await fails("not-mounted", restic.snapshots)
        assert list(mount.iterdir()) == []


@case
async def a_disk_that_is_pulled_during_a_run_is_never_written_past(bench: Bench) -> None:
    mount = bench.folder / "usb"
    mount.mkdir()
    place = bench.place(mount / "repository", device="LABEL=attic", mount=str(mount), upload=4000)
    source = bench.folder / "much"
    source.write_bytes(os.urandom(30_000_000))
    with bench.disk("attic") as device:
        command("mount", device, mount)
        restic = bench.empty(mount / "repository", place)
        looks, program.DISK = program.DISK, 0.5
        running = asyncio.ensure_future(restic.back_up([str(source)]))
        while not [path for path in (mount / "repository" / "data").rglob("*") if path.is_file()]:
            assert not running.done(), running
            await asyncio.sleep(0.05)
        command("umount", "--lazy", mount)  # what is written goes to the disk as long as that is attached
        try:
            await fails("not-mounted", lambda: running)
        finally:
            program.DISK = looks
        assert list(mount.iterdir()) == [], "the folder behind the mount point was filled"
        trouble = await fails("not-mounted", lambda: restic.back_up([str(source)]))
        assert "attic" in sentence(trouble)
        assert (await restic.failure(1, ["Fatal: <data/ab> failed: no such file"])).values["wrong"] == "pulled"
        command("mount", device, mount)
        try:
            assert (await restic.back_up([str(bench.tree())])).snapshot
        finally:
            command("umount", mount)


@case
async def a_server_that_is_not_there_is_no_missing_repository(bench: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        nowhere = rest(bench, "http://nas.invalid:8000")
        await asyncio.gather(
            fails("unreachable", bench.restic(rest(bench, address), patience=4).initialised, "no-answer"),
            fails("unreachable", bench.restic(s3(bench, address), patience=4).initialised, "no-answer"),
            fails("unreachable", bench.restic(nowhere, patience=4).initialised, "name"),
        )


@case
async def what_a_rest_server_answers_is_told(bench: Bench) -> None:
    answers: tuple[tuple[int, Reason, str | None], ...] = (
        (500, "unreachable", "server"),
        (401, "refused", "credentials"),
        (403, "refused", "forbidden"),
        (404, "no-repository", None),
    )
    for status, reason, cause in answers:
        with answering(status) as address:
            await fails(reason, bench.restic(rest(bench, address), patience=2).snapshots, cause)


@case
async def what_an_s3_server_answers_is_told(bench: Bench) -> None:
    """The texts are those of Amazon's documentation, `Error responses`."""
    records = "The AWS Access Key Id you provided does not exist in our records."
    signature = "The request signature we calculated does not match the signature you provided."
    answers: tuple[tuple[int, str, str, Reason, str | None], ...] = (
        (403, "AccessDenied", "Access Denied", "refused", "forbidden"),
        (403, "InvalidAccessKeyId", records, "refused", "credentials"),
        (403, "SignatureDoesNotMatch", signature, "refused", "credentials"),
        (404, "NoSuchBucket", "The specified bucket does not exist", "refused", "bucket"),
        (404, "NoSuchKey", "The specified key does not exist.", "no-repository", None),
    )
    for status, code, message, reason, cause in answers:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        with answering(status, body) as address:
            await fails(reason, bench.restic(s3(bench, address)).snapshots, cause)
    with answering(403) as address:  # a region that is known isn't asked for, and all else has no text
        await fails("refused", bench.restic(s3(bench, address, "eu-central-1")).snapshots, "forbidden")


@case
async def what_ssh_refuses_is_told(bench: Bench) -> None:
    for name in ("host", "other-host", "client", "stranger"):
        command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", bench.folder / name)
    with sshd(bench.folder) as (port, server):
        for name in ("host", "other-host"):
            key = (bench.folder / f"{name}.pub").read_text()
            (bench.folder / f"known-{name}").write_text(f"[127.0.0.1]:{port} {key}")
        (bench.folder / "known-none").write_text("")

        def there(known: str = "host", key: str = "client", host: str = "127.0.0.1") -> Restic:
            at = Place("attic", "sftp", bench.password, path=f"{bench.folder}/there", host=host, port=port, user="root")
            return bench.restic(replace(at, known_hosts=f"{bench.folder}/known-{known}", key=f"{bench.folder}/{key}"))

        good = there()
        assert not await good.initialised()
        await good.init()
        await good.back_up([str(bench.tree())])
        assert len(await good.snapshots()) == 1
        await fails("refused", there("other-host").initialised, "host-key-changed")
        await fails("refused", there("none").initialised, "host-key-unknown")
        await fails("refused", there(key="stranger").initialised, "ssh-key")
        await fails("unreachable", there(host="nas.invalid").initialised, "name")
        server.terminate()
        server.wait()
        await fails("unreachable", there().initialised, "no-answer")


@case
async def a_full_sftp_server_is_told_though_it_only_says_failure(bench: Bench) -> None:
    for name in ("host", "client"):
        command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", bench.folder / name)
    with bench.tmpfs(6) as disk, sshd(bench.folder) as (port, _server):
        (bench.folder / "known").write_text(f"[127.0.0.1]:{port} {(bench.folder / 'host.pub').read_text()}")
        at = Place(
            *("attic", "sftp", bench.password),
            path=f"{disk}/there",
            host="127.0.0.1",
            port=port,
            user="root",
            known_hosts=f"{bench.folder}/known",
            key=f"{bench.folder}/client",
        )
        restic = bench.empty(disk / "there", at)
        large = bench.folder / "large"
        large.write_bytes(os.urandom(12_000_000))
        await fails("no-space", lambda: restic.back_up([str(large)]))
        command("mount", "-o", "remount,size=60m", disk)
        await restic.unlock_stale()
        await restic.back_up([str(large)])
        # one with room that fails all the same: both possibilities are said
        found = await restic.failure(1, ['Save(<data/1>) failed: sftp: "Failure" (SSH_FX_FAILURE)'])
        assert (found.reason, found.values["cause"]) == ("refused", "sftp-failure"), found


def rest(bench: Bench, address: str) -> Place:
    login = bench.secret("login", "s3cret/s3cret")
    return Place("attic", "rest", bench.password, path="pi", url=address, user="pi", secret=login)


def s3(bench: Bench, address: str, region: str = "") -> Place:
    key = bench.secret("key", "s3cret-s3cret")
    return Place(
        "attic", "s3", bench.password, path="pi", url=address, bucket="attic", region=region,
        access_key="AKIAEXAMPLE", secret=key,
    )  # fmt: skip
