"""`stackctl adopt`: from Compose files and pages to spokes; nothing that runs or is there is changed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from stackctl.adopt.attempt import Made, make
from stackctl.adopt.draft import Draft
from stackctl.adopt.pages import Page, assigned, made_up, pages_in, taken
from stackctl.adopt.project import Project, override_of, projects, read
from stackctl.adopt.report import lacks, risks, sockets
from stackctl.adopt.together import together
from stackctl.codes import finding
from stackctl.commands.story import AdoptAnswer, AdoptedStack, Ended, Story, TakenOver
from stackctl.errors import UsageError
from stackctl.events import Finished, Started
from stackctl.findings import Finding, Location
from stackctl.read.halves import read_half
from stackctl.read.variables import parse_env
from stackctl.starter import gitignore

_STEP = "ask Compose whether the spokes say the same"


@dataclass(frozen=True)
class Asked:
    """What the command line names."""

    files: tuple[Path, ...] = ()
    laid_over: tuple[Path, ...] = ()
    env_files: tuple[Path, ...] = ()
    pages: Path | None = None
    out: Path | None = None
    merge: bool = False


def adopt(here: Path, asked: Asked, environ: Mapping[str, str]) -> Story:
    """Makes one stack per project, each as a whole or not at all.

    Raises:
        InvalidFiles: Something cannot be carried; nothing was written.
        StackctlError: Compose refuses the files.
        UsageError: The folder to write is not empty, or nothing was named.
    """
    groups = projects(asked.files, asked.laid_over, here, environ)
    found = [read(group, environ, asked.env_files) for group in groups]
    if asked.merge and len(found) > 1:
        notes = _notes_of_merging(found)
        found = [together(*found)]
    else:
        notes = ()
    pages = pages_in(asked.pages, _shown(asked.pages, here)) if asked.pages else ()
    out = asked.out.resolve() if asked.out else None
    folders = [_folder(project, out, here, alone=len(found) == 1) for project in found]
    for folder in folders:
        _expect_empty(folder)
    used: set[str] = set()
    stacks = []
    for project, folder in zip(found, folders, strict=True):
        yield Started(_STEP, project.name)
        with _beside(folder) as work:
            stack, mine = _one(project, folder, work, pages, here, environ)
            used |= mine
            left = _unused(pages, used, work) if project is found[-1] else ()
            stack = replace(stack, pages=(*stack.pages, *left), notes=(*stack.notes, *notes))
            report = _in_words(stack)
            (work / "ADOPTED.md").write_text(report, encoding="utf-8")
            written = tuple(sorted(str(p.relative_to(work)) for p in work.rglob("*") if p.is_file()))
            _put(work, folder)
        stacks.append(replace(stack, written=written))
        yield Finished(_STEP, project.name)
    commands = (f"cd {_shown(folders[0], here)}", "stackctl plan", "stackctl lint")
    return Ended(AdoptAnswer(tuple(stacks), commands))


def _one(
    project: Project,
    folder: Path,
    work: Path,
    pages: tuple[Page, ...],
    here: Path,
    environ: Mapping[str, str],
) -> tuple[AdoptedStack, set[str]]:
    draft = Draft(project, folder)
    other = {".env": _env(project), ".env.example": _example(project), ".gitignore": gitignore()}
    make(draft, work, other, environ)
    containers = {name: str(s.get("container_name", "")) for name, s in project.resolved["services"].items()}
    mine = assigned(pages, containers)
    findings: list[Finding] = []
    used: set[str] = set()
    for name in draft.services:
        manifest = read_half(f"spokes/{name}.yaml", draft.manifest(name).encode())
        compose = _compose_place(draft, name, here)
        page = mine.get(name)
        accepted = taken(page, name, manifest, compose) if page else None
        if page is not None and accepted is not None:
            findings += accepted.findings
            used.add(page.file)
        elif pages:
            findings.append(finding("SC805", _at(compose), f"{name} has no page", spoke=name))
        other[f"spokes/{name}.md"] = accepted.data if accepted else made_up(name, manifest, compose)
    made = make(draft, work, other, environ)
    return _stack(project, draft, made, folder, here, mine, findings), used


def _stack(
    project: Project,
    draft: Draft,
    made: Made,
    folder: Path,
    here: Path,
    mine: Mapping[str, Page],
    findings: Sequence[Finding],
) -> AdoptedStack:
    services = made.stack.spokes
    return AdoptedStack(
        stack=project.name,
        folder=_shown(folder, here),
        files=tuple(
            dict.fromkeys(_shown(file, here) for file in (*project.files, *(f for f, _ in project.included)))
        ),
        sockets=sockets(made.findings),
        spokes=tuple(
            TakenOver(
                spoke.name,
                spoke.kind.value,
                _compose_place(draft, spoke.name, here),
                mine[spoke.name].file if spoke.name in mine else "",
            )
            for spoke in services
        ),
        pages=tuple(findings),
        lacks=tuple(lacks(made.stack)),
        risks=risks(made.findings),
        notes=tuple(_notes(project)),
    )


# ---- what is written


def _env(project: Project) -> bytes:
    """The files of variables as they are, but for what Compose itself would take from them elsewhere."""
    lines = ["# The values of the variables on this host; git ignores this file."]
    known: set[str] = set()
    for path in project.env_files:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            lines.append(
                f"# {line}" if line.lstrip().removeprefix("export ").startswith("COMPOSE_") else line
            )
        known |= _names_in(path)
    more = {name: value for name, value in project.of_files.items() if name not in known}
    lines += (f"{name}='{value}'" for name, value in sorted(more.items()) if "'" not in value)
    lines += (f"{name}=" for name in sorted(project.undefined))
    return ("\n".join(lines) + "\n").encode()


def _names_in(path: Path) -> set[str]:
    return set(parse_env(path.read_text(encoding="utf-8", errors="replace"))[0])


def _example(project: Project) -> bytes:
    names = sorted({*project.named_variables, *project.of_files})
    head = "# The variables that spokes use, without their values. `.env` holds the values on each host.\n"
    return (head + "".join(f"{name}=\n" for name in names)).encode()


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A folder to work in, at the same depth as the one that it becomes; gone unless it became it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        work.chmod(0o755)
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _put(work: Path, folder: Path) -> None:
    if not folder.exists():
        os.rename(work, folder)
        return
    for path in work.iterdir():
        os.rename(path, folder / path.name)


def _expect_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty", "name a new or an empty folder: --out DIR")


def _folder(project: Project, out: Path | None, here: Path, *, alone: bool) -> Path:
    if out is None:
        return here.resolve() / f"{project.name}-stack"
    return out if alone else out / project.name


def _unused(pages: tuple[Page, ...], used: set[str], work: Path) -> tuple[Finding, ...]:
    """Pages that are nobody's are kept beside the spokes, where they start nothing."""
    found = []
    for page in pages:
        if page.file in used:
            continue
        path = work / "notes" / page.inside
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page.data)
        message = f"no service is meant by this page; it is kept as notes/{page.inside}"
        found.append(finding("SC804", Location(page.file), message))
    return tuple(found)


# ---- what is told


def _notes(project: Project) -> Iterator[str]:
    if project.profiles:
        options = " ".join(f"--profile {name}" for name in project.profiles.split(",") if name)
        yield f"COMPOSE_PROFILES of .env is not taken over; say it each time: stackctl up {options}"
    for name in sorted(project.undefined):
        yield f"{name} is defined nowhere, so Compose puts an empty text; .env says so now"
    known = {*project.of_files, *project.undefined}
    outside = sorted(project.named_variables & project.variables.keys() - known)
    for name in outside:
        yield f"{name} comes from the environment of this shell; put it into .env to have it everywhere"
    for file in project.files:
        override = override_of(file)
        if override is not None and override not in project.files:
            yield f"{override.name} beside {file.name} was not named, so it was not read"


def _notes_of_merging(found: Sequence[Project]) -> tuple[str, ...]:
    first, *others = found
    told = []
    for project in others:
        told.append(
            f"{project.name} is part of {first.name} now: before the first `stackctl up`, take its "
            f"containers away with `docker compose -p {project.name} down`, which keeps its volumes"
        )
    return tuple(told)


def _at(place: str) -> Location:
    file, _, line = place.rpartition(":")
    return Location(file, int(line))


def _compose_place(draft: Draft, service: str, here: Path) -> str:
    file, line = draft.place(service)
    return f"{_shown(file, here)}:{line}"


def _shown(path: Path, here: Path) -> str:
    path, here = path.resolve(), here.resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _in_words(stack: AdoptedStack) -> str:
    """The report as a page: the socket first, then what differs, then what could be better."""
    lines = [f"- **{found.message}.** {found.hint}" for found in stack.sockets]
    lines += [
        "",
        f"# {stack.stack}, adopted",
        "",
        f"From {', '.join(f'`{file}`' for file in stack.files)}.",
        "",
    ]
    lines += ["## Taken over", ""]
    for spoke in stack.spokes:
        lines.append(
            f"- `{spoke.spoke}` ({spoke.kind}), {spoke.origin}"
            + (f", page {spoke.page}" if spoke.page else "")
        )
    if stack.notes:
        lines += ["", "## To know", "", *(f"- {note}" for note in stack.notes)]
    if stack.pages:
        lines += ["", "## Where pages and Compose disagree", ""]
        lines += [f"- {found.at.file}:{found.at.line}: {found.message}" for found in stack.pages]
    if stack.risks:
        lines += ["", "## What lint warns of", ""]
        lines += [f"- {found.at} {found.code}: {found.message}. {found.hint}" for found in stack.risks]
    lines += ["", "## What stackctl would harden, one by one", ""]
    lines.append(
        "A line for the manifest, then `stackctl plan` and `stackctl up SPOKE`. "
        "`hardening: strict` is all of them."
    )
    last = ""
    for one in stack.lacks:
        if one.spoke != last:
            lines += ["", f"### {one.spoke}", ""]
            last = one.spoke
        lines += [f"- {one.why}:", "", "  ```yaml", *(f"  {line}" for line in one.line.splitlines()), "  ```"]
    return "\n".join(lines).lstrip("\n") + "\n"
