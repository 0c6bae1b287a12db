"""Fixtures that boot real Debian machines (docs/testing.md). Without root or systemd-nspawn the tests say so and skip;
where CI=true they fail instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from .lab import SUITES, CannotRun, Lab
from .longest import LONGEST, ONE_SUITE, SHARING, scope
from .machine import CHECKOUT, Image, Machine
from .program import install_netplan

REPOSITORY = Path(__file__).parents[2]
UNDER_CI = os.environ.get("CI") == "true"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.machine)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(900))
    if not config.getoption("--all"):
        left_out = {item for item in items if of_another_suite(item)}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    yield
    items.sort(key=lambda item: -LONGEST.get(item.path.name if shares(item) else name_of(item), 0))


class InOrder(LoadScopeScheduling):  # type: ignore[misc]
    """One by one in the order of the collection; those that share a machine in one process. (pytest-xdist 3.8's own
    groups know nothing of pytest 9.2's node ids.)"""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> InOrder | None:
    return InOrder(config, log) if config.getoption("dist") == "loadscope" else None


def of_another_suite(item: pytest.Item) -> bool:
    """Of the one that doesn't run without --all."""
    wanted = ONE_SUITE.get(item.path.name) if isinstance(item, pytest.Function) else None
    callspec = getattr(item, "callspec", None)
    return wanted is not None and callspec is not None and callspec.params.get("suite", wanted) != wanted


def shares(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and SHARING.get(item.path.name, "") in item.fixturenames


def name_of(item: pytest.Item) -> str:
    return f"{item.path.name}::{item.originalname}" if isinstance(item, pytest.Function) else ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if UNDER_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where CI=true asks for every machine test: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Where machines come from. Skips, saying why, where none can boot."""
    try:
        with Lab.open() as opened:
            yield opened
    except CannotRun as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session", params=SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    """bookworm and trixie; one of them by `@pytest.mark.parametrize("suite", ["trixie"], indirect=True)`."""
    return str(request.param)


@pytest.fixture(scope="session")
def bare_image(lab: Lab, suite: str) -> Image:
    """A base system and nothing else."""
    return lab.base(suite)


@pytest.fixture(scope="session")
def installed_image(lab: Lab, bare_image: Image) -> Image:
    """The base system with this checkout in it and installed by its install.sh. Made again when a file changed."""
    return lab.layer(bare_image, "installed", checkout_digest(REPOSITORY), install)


@pytest.fixture(scope="session")
def netplan_image(lab: Lab, installed_image: Image) -> Image:
    """The same with netplan, which sets nothing up yet."""
    return lab.layer(installed_image, "netplan", sha256(b"netplan.io").hexdigest(), install_netplan)


@pytest.fixture
def machine(lab: Lab, bare_image: Image) -> Iterator[Machine]:
    """A bare machine of its own for each test, booted."""
    with lab.machine(bare_image) as booted:
        yield booted


@pytest.fixture
def installed(lab: Lab, installed_image: Image) -> Iterator[Machine]:
    """A machine of its own for each test, booted, with `pi-installer-tui` installed."""
    with lab.machine(installed_image) as booted:
        yield booted


@pytest.fixture
def boot(lab: Lab) -> Iterator[Callable[[Image], Machine]]:
    """Boot any number of machines on an image; they are gone after the test."""
    with ExitStack() as stack:
        yield lambda image: stack.enter_context(lab.machine(image))


def install(machine: Machine) -> None:
    """Copy the checkout in and run install.sh, as a person would. (What --first-boot adds does nothing without a setup
    file on the boot partition.)"""
    machine.push_checkout(REPOSITORY)
    machine.run(["sh", f"{CHECKOUT}/install.sh", "--no-open", "--first-boot"])


def checkout_digest(checkout: Path) -> str:
    """Of all that install.sh installs."""
    digest = sha256()
    single = [checkout / "install.sh", checkout / "libraries.sh", *checkout.glob("requirements*.lock")]
    package = [path for path in (checkout / "pi_installer_tui").rglob("*") if "__pycache__" not in path.parts]
    for path in sorted([*single, *package]):
        if path.is_file():
            digest.update(f"{path.relative_to(checkout)}\0".encode() + path.read_bytes())
    return digest.hexdigest()
