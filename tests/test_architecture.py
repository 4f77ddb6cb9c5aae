"""The rooms: who may import whom, and where the heavy or dangerous modules may be used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "stackctl"

# Each room may import from the rooms above it, and from its own.
ROOMS = (
    "errors names plain program throwaway_labels",
    "findings codes",
    "model",
    "generation normal replace routed schedule",
    "events",
    "yaml_text",
    "fingerprint api switches policy policy_problems haproxy harmless strict edge",
    "read",
    "file_schema lint templates render audits checks checks_of_routes override",
    "starter junit spoke_templates",
    "attached",
    "following compare exposure lets_through consequences surroundings",
    "causes",
    "plan",
    "process",
    "settled files archive contents endpoint event_stream log_stream engine secrets state cache lock lines journal history good notify",
    "observe compose verify records ca",
    "edit apply",
    "reload",
    "adopt doctor way_out graph",
    "commands",
    "console json_output json_schema",
    "run",
    "cli",
    "__main__",
)
RANK = {module: rank for rank, room in enumerate(ROOMS) for module in room.split()}

ONLY_IN = {
    "subprocess": {"process"},
    "docker": {"engine", "verify"},
    "rich": {"console"},
    "typer": {"cli"},
    "jinja2": {"templates"},
    "pyromark": {"read"},
    "cryptography": {"ca"},
    "ruamel": {"read", "templates", "edit"},
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports(path: Path) -> tuple[str, ...]:
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "stackctl":
                yield from (f"stackctl.{alias.name}" for alias in node.names)
            else:
                yield node.module


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_imports_only_from_rooms_above_it(path: Path) -> None:
    if room(path) == "__init__":
        return
    own = RANK[room(path)]
    below = [
        target
        for target in imports(path)
        if target.startswith("stackctl.") and target != "stackctl.__version__"
        if RANK[target.split(".")[1]] > own
    ]
    assert not below


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_room_does_not_import_from_its_neighbours_neighbours_in_a_circle(path: Path) -> None:
    """Modules of one rank may use each other in one direction only; a circle would fail at import."""
    if room(path) == "__main__":
        return
    __import__("stackctl." + name(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__"))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_heavy_and_dangerous_modules_stay_in_their_room(path: Path) -> None:
    used = {target.split(".")[0] for target in imports(path)}
    assert [module for module in used & ONLY_IN.keys() if room(path) not in ONLY_IN[module]] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_is_short_enough_to_read_at_once(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("name", ["prober.py", "recorder.py"])
def test_what_is_sent_into_a_container_needs_nothing_but_the_standard_library(name: str) -> None:
    """It runs where there is Python and nothing else."""
    used = {target.split(".")[0] for target in imports(PACKAGE / "verify" / name)}
    assert not used & {"stackctl", "docker", "requests", "rich", "typer"}
