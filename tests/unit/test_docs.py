"""What the documentation shows is true: its setup files are valid, its tables name every setting, its example module
works."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pi_installer_tui import planning
from pi_installer_tui.cli import arguments
from pi_installer_tui.modules.base import Module
from pi_installer_tui.system.demo import DemoHost
from pi_installer_tui.tasks.plan import Others

DOCS = Path(__file__).parents[2] / "docs"
README = DOCS.parent / "README.md"


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", [*blocks(DOCS / "setup-file.md", "yaml"), *blocks(README, "yaml")])
def test_every_setup_file_in_the_documentation_is_valid(text: str) -> None:
    try:
        assert planning.parse(text).settings
    except planning.SetupError as error:
        # a file that takes a setting of an earlier one back has nulls, which stand alone as `left alone`
        raise AssertionError(str(error)) from None


def test_every_setting_is_in_the_documentation() -> None:
    text = (DOCS / "setup-file.md").read_text(encoding="utf-8")

    def names(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(names, node))
        if not isinstance(node, dict):
            return set()
        own = set(node["properties"]) if isinstance(node.get("properties"), dict) else set()
        return own.union(*(names(value) for value in node.values()))

    missing = {name for name in names(planning.schema()) if f"`{name}`" not in text and f"`{name}:" not in text}
    assert not missing


def test_every_verb_is_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    (verbs,) = (a for a in arguments.parser()._actions if a.dest == "verb")
    assert isinstance(verbs.choices, dict)
    assert [verb for verb in verbs.choices if not re.search(rf"\b{verb}\b", text)] == []


def test_every_link_leads_somewhere() -> None:
    for page in (README, *DOCS.glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.fixture(name="greeting")
def the_example_of_the_documentation(monkeypatch: pytest.MonkeyPatch) -> Module[Any, Any]:
    monkeypatch.setitem(sys.modules, "greeting", ModuleType("greeting"))
    names = vars(sys.modules["greeting"])
    parts = blocks(DOCS / "add-a-module.md", "python")
    assert len(parts) == 4
    # one file of the four, as a small module may be; its own functions come from above
    exec(compile("from __future__ import annotations\n" + "\n".join(parts[:3]), "greeting", "exec"), names)
    names["read_state"], names["plan_greeting"] = names.pop("read"), names.pop("plan")
    last = parts[3].replace("await read(host)", "await read_state(host)")
    exec(compile(last.replace("return plan(state", "return plan_greeting(state"), "greeting", "exec"), names)
    module: Module[Any, Any] = names["MODULE"]
    return module


async def test_the_example_module_plans_what_is_wanted_and_nothing_when_it_is(
    greeting: Module[Any, Any], tmp_path: Path
) -> None:
    host = DemoHost.create(str(tmp_path))
    state = await greeting.read(host)
    others = Others(modules=("greeting",))
    assert greeting.plan(state, greeting.present(state), others).empty
    made = greeting.plan(state, greeting.settings(text="Welcome to the attic"), others)
    assert [step.describe() for step in made.steps]
    await host.replace("/etc/motd", b"Welcome to the attic\n", mode=0o644, uid=0, gid=0)
    assert greeting.plan(await greeting.read(host), greeting.settings(text="Welcome to the attic"), others).empty
