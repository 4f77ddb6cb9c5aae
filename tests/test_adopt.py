"""Each folder of tests/cases/adopt is an existing project: Compose itself says whether the spokes say the same.

`arguments` holds the command line where it is more than `stackctl adopt`; `adopted/` holds what was made of it.
Run with `--update-goldens` after a change that is meant, and read the difference.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stackctl.adopt.project import config
from stackctl.adopt.same import canonical, differing
from stackctl.commands.opened import open_stack

CASES = Path(__file__).parent / "cases" / "adopt"
FOLDERS = sorted(path for path in CASES.iterdir() if path.is_dir())
SEVERAL = ("two-projects",)
MERGED = ("merged",)
REFUSED = {
    "mistakes": "docker-compose.yml:5:1 SC801 error: `My.App` cannot be the name of a spoke",
    "newer-keys": "docker-compose.yml:6:5 SC801 error: this host's Compose does not know `provider`",
}
ONE_STACK = [folder for folder in FOLDERS if folder.name not in (*SEVERAL, *REFUSED)]
ONE_PROJECT = [folder for folder in ONE_STACK if folder.name not in MERGED]
QUICK = ("anchors", *MERGED, *REFUSED)
"""Those that plain scripts/test tries; each asks Compose several times."""
KEPT = ("stack.yaml", ".env", ".env.example", "ADOPTED.md", "spokes", "notes")
# Nothing of the machine that runs the tests enters.
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
    "PYTHONPATH": str(Path(__file__).parent.parent),
    "NO_COLOR": "1",
}


@dataclass(frozen=True)
class Adopted:
    project: Path
    out: Path
    exit_code: int
    said: str
    complained: str

    @property
    def files(self) -> dict[str, str]:
        there = (path for path in self.out.rglob("*") if path.is_file())
        kept = (path for path in there if path.relative_to(self.out).parts[0] in KEPT)
        return {str(path.relative_to(self.out)): path.read_text() for path in sorted(kept)}


def adopt(folder: Path, *arguments: str) -> Adopted:
    program = [sys.executable, "-m", "stackctl", "adopt", "--out", "../adopted", *arguments]
    done = subprocess.run(program, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    return Adopted(folder, folder.parent / "adopted", done.returncode, done.stdout, done.stderr)


def arguments_of(case: Path) -> list[str]:
    path = case / "arguments"
    return shlex.split(path.read_text()) if path.exists() else []


@pytest.fixture(scope="module")
def adopted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Adopted:
    """The case, copied and adopted once for all tests of it."""
    case: Path = request.param
    work = tmp_path_factory.mktemp(case.name)
    shutil.copytree(case, work / "project", ignore=shutil.ignore_patterns("adopted"))
    return adopt(work / "project", *arguments_of(case))


def of(folders: list[Path]) -> Any:
    marks = {True: (), False: pytest.mark.slow}
    cases = [pytest.param(path, id=path.name, marks=marks[path.name in QUICK]) for path in folders]
    return pytest.mark.parametrize("adopted", cases, indirect=True)


def named(adopted: Adopted) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The Compose files and files of variables that the case was adopted from."""
    words = arguments_of(CASES / adopted.project.parent.name.rstrip("0123456789"))
    files = [adopted.project / word for word in words if word.endswith((".yml", ".yaml"))]
    env_files = [adopted.project / word for word in words if word.endswith(".env")]
    names = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
    overrides = [name.replace(".y", ".override.y") for name in names]
    found = [adopted.project / name for name in (*names, *overrides) if (adopted.project / name).exists()]
    return tuple(files or found), tuple(env_files)


@of(ONE_PROJECT)
@pytest.mark.parametrize("profiles", [("*",), ()], ids=["every-profile", "no-profile"])
def test_what_is_rendered_is_to_compose_what_the_original_is(
    adopted: Adopted, profiles: tuple[str, ...]
) -> None:
    assert adopted.exit_code == 0, adopted.complained
    files, env_files = named(adopted)
    asked = dict(ENVIRONMENT)
    original = config(files, adopted.project, asked, env_files=env_files, profiles=profiles)
    both = [adopted.out / f"docker-compose{part}.yml" for part in ("", ".override")]
    rendered = config(both, adopted.out, asked, profiles=profiles)
    if not profiles:
        # What `.env` turns on by itself is not turned on any more; the report says so.
        active = rendered["services"].keys()
        original["services"] = {n: s for n, s in original["services"].items() if n in active}
        assert active == {n for n, s in original["services"].items() if not s.get("profiles")}
    assert list(differing(original, rendered)) == []
    assert canonical(original) == canonical(rendered)


def by_real_names(document: dict[str, Any], **renamed: str) -> dict[str, Any]:
    """The services, with their networks and volumes under the names that the Engine knows."""
    services = canonical(document)["services"]
    for service in services.values():
        names = {key: document["networks"][key]["name"] for key in service.get("networks", {})}
        if names:
            service["networks"] = {
                renamed.get(names[k], names[k]): how for k, how in service["networks"].items()
            }
        service["volumes"] = [
            {**mount, "source": document["volumes"][mount["source"]]["name"]}
            if mount["type"] == "volume"
            else mount
            for mount in service.get("volumes", ())
        ]
    return services


@of([CASES / name for name in MERGED])
def test_a_merged_stack_runs_what_both_projects_ran_on_the_volumes_that_they_had(adopted: Adopted) -> None:
    assert adopted.exit_code == 0, adopted.complained
    asked = dict(ENVIRONMENT)
    one, two = (
        config((adopted.project / name / "compose.yml",), adopted.project / name, asked)
        for name in ("one", "two")
    )
    both = [adopted.out / f"docker-compose{part}.yml" for part in ("", ".override")]
    merged = config(both, adopted.out, asked)
    moved = {"two_default": "one_two_default", "two_back": "one_two_back"}
    assert by_real_names(merged) == {**by_real_names(one), **by_real_names(two, **moved)}
    assert merged["name"] == "one"
    volumes = {how["name"]: bool(how.get("external")) for how in merged["volumes"].values()}
    assert volumes == {"one_data": False, "shared": True, "two_data": True, "its-own": True}
    sources = (adopted.out / "ADOPTED.md").read_text().partition("## Taken over")[0]
    assert "one/compose.yml" in sources
    assert "two/compose.yml" in sources


@of(FOLDERS)
def test_no_file_of_the_original_is_touched(adopted: Adopted) -> None:
    case = CASES / adopted.project.parent.name.rstrip("0123456789")
    theirs = {p.relative_to(case): p.read_bytes() for p in case.rglob("*") if p.is_file()}
    theirs = {path: data for path, data in theirs.items() if path.parts[0] != "adopted"}
    mine = {p.relative_to(adopted.project): p.read_bytes() for p in adopted.project.rglob("*") if p.is_file()}
    assert mine == theirs


@of([folder for folder in FOLDERS if folder.name not in REFUSED])
def test_the_spokes_and_the_report_are_as_the_golden_files_say(
    adopted: Adopted, request: pytest.FixtureRequest
) -> None:
    golden = CASES / adopted.project.parent.name.rstrip("0123456789") / "adopted"
    if request.config.getoption("--update-goldens"):
        shutil.rmtree(golden, ignore_errors=True)
        for name, text in adopted.files.items():
            (golden / name).parent.mkdir(parents=True, exist_ok=True)
            (golden / name).write_text(text)
    there = {str(p.relative_to(golden)): p.read_text() for p in golden.rglob("*") if p.is_file()}
    assert adopted.files == there, "--update-goldens, where it is meant"


@of(ONE_STACK)
def test_an_adopted_stack_is_valid_and_rendered(adopted: Adopted) -> None:
    rendered = open_stack(adopted.out).bundle.files
    assert {path: (adopted.out / path).read_bytes() for path in rendered} == rendered


@of([CASES / name for name in REFUSED])
def test_what_cannot_be_carried_is_refused_with_its_place_and_nothing_is_written(adopted: Adopted) -> None:
    assert adopted.exit_code == 3
    assert REFUSED[adopted.project.parent.name.rstrip("0123456789")] in adopted.complained
    assert not adopted.out.exists()
    assert [path.name for path in adopted.project.parent.iterdir()] == ["project"]
