"""The lock files: exact, hashed, the same for every index, and of one mind. `sh lock.sh --verify` asks the index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
FILES = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")


def entries(name: str) -> dict[str, tuple[Requirement, list[str]]]:
    """Name -> requirement and its SHA-256 hashes."""
    text = re.sub(r"^\s*#.*$", "", (REPOSITORY / name).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, tuple[Requirement, list[str]]] = {}
    for line in text.splitlines():
        if line.strip():
            requirement = Requirement(line.partition(" --hash=")[0])
            found[canonicalize_name(requirement.name)] = (
                requirement,
                re.findall(r"--hash=sha256:([0-9a-f]{64})", line),
            )
    return found


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_one_version_with_its_hashes(file: str) -> None:
    for requirement, hashes in entries(file).values():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement
        assert hashes, requirement


@pytest.mark.parametrize("file", FILES)
def test_no_lock_names_an_index(file: str) -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", (REPOSITORY / file).read_text())


def test_what_runs_on_a_pi_depends_on_no_marker() -> None:
    for one, _ in entries("requirements.lock").values():
        marker = one.marker
        if marker is not None:
            answers = {
                marker.evaluate({"sys_platform": "linux", "python_version": version, "platform_machine": machine})
                for version in ("3.11", "3.12", "3.13", "3.14")
                for machine in ("x86_64", "aarch64", "armv7l")
            }
            assert answers == {False}, f"{one} is installed on some and not on others"


def test_the_lock_satisfies_what_pyproject_asks_for() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    for file, asked in (
        ("requirements.lock", project["dependencies"]),
        ("requirements-dev.lock", project["dependencies"] + project["optional-dependencies"]["dev"]),
    ):
        locked = entries(file)
        for one in map(Requirement, asked):
            version = str(locked[canonicalize_name(one.name)][0].specifier).removeprefix("==")
            assert one.specifier.contains(version), f"{one} against {version} in {file}"


def test_tests_run_with_the_versions_that_are_installed() -> None:
    runtime, dev = entries("requirements.lock"), entries("requirements-dev.lock")
    assert {name: dev.get(name) for name in runtime} == runtime
