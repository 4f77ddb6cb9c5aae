"""A Compose project as Compose itself understands it, with and without its variables filled in."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackctl import process
from stackctl.codes import finding
from stackctl.errors import StackctlError, UsageError
from stackctl.findings import Finding, InvalidFiles
from stackctl.read.text import Source
from stackctl.read.variables import InvalidVariable, interpolate_data, names, needed, parse_env
from stackctl.read.yaml_nodes import load_yaml, plain

DEFAULT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_SETTINGS = ("COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME", "COMPOSE_PATH_SEPARATOR")
REFUSED = "nothing was written: change these places of the Compose file, or adopt what is left of it"
"""What to do where something cannot be taken over."""

_NOT_ALLOWED = re.compile(r": (?P<around>\S+) Additional property (?P<key>\S+) is not allowed")
_QUICK = 120.0
_MOST_INCLUDED = 200


@dataclass(frozen=True)
class Project:
    """What one or more Compose files say together; nothing in it is changed."""

    name: str
    directory: Path
    """Where relative paths begin."""
    files: tuple[Path, ...]
    """As Compose reads them, a later one over the earlier."""
    included: tuple[tuple[Path, Path], ...]
    """What `include` brings in besides, each with the folder where its relative paths begin."""
    resolved: Mapping[str, Any] = field(repr=False)
    """With every profile on and every variable filled in."""
    model: Mapping[str, Any] = field(repr=False)
    """The same with `${VAR}` as it is written, and paths relative to `directory`."""
    env_files: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the files may use: the environment, else the files of variables."""
    of_files: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What the files of variables say, those of included projects too."""
    profiles: str = ""
    """Those that the project's `.env` turns on by itself."""

    @property
    def undefined(self) -> frozenset[str]:
        """The variables for which Compose puts an empty text."""
        return self._in_texts(needed) - self.variables.keys()

    @property
    def named_variables(self) -> frozenset[str]:
        return self._in_texts(names)

    def _in_texts(self, of: Callable[[str], frozenset[str]]) -> frozenset[str]:
        """Of what the files say as well: without their values, Compose takes some texts apart wrongly."""
        written = [plain(_text(path)) for path in (*self.files, *(path for path, _ in self.included))]
        found: set[str] = set()
        for text in texts([self.model, *written]):
            with suppress(InvalidVariable):
                found |= of(text)
        return frozenset(found)


def texts(value: Any) -> Iterator[str]:
    """Every text with a `$` in plain data."""
    if isinstance(value, str):
        if "$" in value:
            yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def config(
    files: Sequence[Path],
    directory: Path,
    environ: Mapping[str, str],
    *words: str,
    env_files: Sequence[Path] = (),
    profiles: Sequence[str] = ("*",),
) -> dict[str, Any]:
    """What `docker compose config` makes of these files.

    Raises:
        StackctlError: Compose refuses them.
    """
    argv = (
        *("docker", "compose", "--project-directory", str(directory)),
        *(word for path in files for word in ("--file", str(path))),
        *(word for path in env_files for word in ("--env-file", str(path))),
        *(word for profile in profiles for word in ("--profile", profile)),
        *("config", "--format", "json", *words),
    )
    # Only what is named here decides, not what a person set for other projects.
    env = {name: value for name, value in environ.items() if name not in ("COMPOSE_FILE", "COMPOSE_PROFILES")}
    done = process.run(argv, env=env, cwd=directory, timeout=_QUICK)
    if done.exit_code:
        lines = [line for line in done.stderr.splitlines() if line.strip() and "level=warning" not in line]
        said = lines[-1] if lines else "no output"
        raise StackctlError(
            f"`docker compose config` refuses {', '.join(path.name for path in files)}: {said}",
            "adopt takes what Compose accepts: mend the file first",
            done.detail,
        )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def read(files: Sequence[Path], environ: Mapping[str, str], env_files: Sequence[Path] = ()) -> Project:
    """Ask Compose about one project.

    Raises:
        InvalidFiles: A key is newer than this host's Compose.
        StackctlError: Compose refuses it, or a file cannot be read.
    """
    directory = files[0].parent
    used = tuple(env_files) or tuple(path for path in (directory / ".env",) if path.is_file())
    own: dict[str, str] = {}
    for path in used:
        own |= parse_env(_text(path), {**own, **environ})[0]
    try:
        resolved = config(files, directory, environ, env_files=env_files)
    except StackctlError as error:
        if (refused := _unknown(error.message, files, directory)) is not None:
            raise InvalidFiles((refused,), REFUSED) from error
        raise
    model = config(files, directory, environ, "--no-interpolate", "--no-path-resolution", env_files=env_files)
    variables = {**own, **environ}
    included, more = _brought_in(files, directory, variables)
    return Project(
        name=str(resolved["name"]),
        directory=directory,
        files=tuple(files),
        included=included,
        resolved=resolved,
        model=model,
        env_files=used,
        variables={**more, **variables},
        of_files={**more, **{k: v for k, v in own.items() if k not in _SETTINGS}},
        profiles=own.get("COMPOSE_PROFILES", ""),
    )


def _unknown(said: str, files: Sequence[Path], directory: Path) -> Finding | None:
    """The place of the key that Compose does not know, where that is why it refuses."""
    match = _NOT_ALLOWED.search(said)
    if match is None:
        return None
    wanted = f"{match['around']}.{match['key']}".removeprefix("(root).")
    for file in files:
        name = os.path.relpath(file, directory)
        for path, at in load_yaml(Source(name, _text(file))).places.items():
            if ".".join(path) == wanted:
                message = f"this host's Compose does not know `{match['key']}`, so it refuses the file"
                return finding("SC801", at, message, "take it out, or adopt with a newer Docker Compose")
    return None


def found_in(folder: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that plain `docker compose` would read in a folder.

    Raises:
        UsageError: There are none.
    """
    env = folder / ".env"
    own = parse_env(_text(env), environ)[0] if env.is_file() else {}
    settings = {**own, **environ}
    if named := settings.get("COMPOSE_FILE", ""):
        parts = named.split(settings.get("COMPOSE_PATH_SEPARATOR", os.pathsep))
        return tuple((folder / part).resolve() for part in parts if part)
    for name in DEFAULT_FILES:
        if (folder / name).is_file():
            override = override_of(folder / name)
            return ((folder / name).resolve(), *((override,) if override else ()))
    raise UsageError(f"{folder} has no Compose file", "name one: stackctl adopt path/to/docker-compose.yml")


def override_of(file: Path) -> Path | None:
    """The override that plain `docker compose` reads by itself beside a file, where there is one."""
    if file.name not in DEFAULT_FILES:
        return None
    stem = file.name.rpartition(".")[0]
    there = (file.with_name(f"{stem}.override.{suffix}") for suffix in ("yml", "yaml"))
    return next((path.resolve() for path in there if path.is_file()), None)


def projects(
    files: Sequence[Path], laid_over: Sequence[Path], folder: Path, environ: Mapping[str, str]
) -> list[tuple[Path, ...]]:
    """The files of each project: those of one folder belong together; `laid_over` are one wherever they are.

    Raises:
        UsageError: A file is not there, or nothing was named and there is nothing here.
    """
    for path in (*files, *laid_over):
        if not path.is_file():
            raise UsageError(f"there is no file {path}", "name Compose files")
    if laid_over:
        return [tuple(path.resolve() for path in (*laid_over, *files))]
    if not files:
        return [found_in(folder, environ)]
    by_folder: dict[Path, list[Path]] = {}
    for path in files:
        by_folder.setdefault(path.resolve().parent, []).append(path.resolve())
    return [tuple(dict.fromkeys(group)) for group in by_folder.values()]


def _brought_in(
    files: Sequence[Path], directory: Path, variables: Mapping[str, str]
) -> tuple[tuple[tuple[Path, Path], ...], dict[str, str]]:
    """The files that these include, and what the `.env` of included projects says."""
    todo = [(path, directory) for path in files]
    seen: dict[Path, Path] = {}
    more: dict[str, str] = {}
    while todo and len(seen) < _MOST_INCLUDED:
        path, base = todo.pop(0)
        data = plain(_text(path)) if path.is_file() else None
        if not isinstance(data, dict):
            continue
        for entry in _listed(data.get("include")):
            told = {"path": entry} if isinstance(entry, str) else entry
            if not isinstance(told, dict):
                continue
            paths = [_filled(text, variables) for text in _listed(told.get("path"))]
            there = [(base / text).resolve() for text in paths if text]
            if not there:
                continue
            stated = _filled(told.get("project_directory") or "", variables)
            home = (base / (stated or there[0].parent)).resolve()
            env = [_filled(text, variables) for text in _listed(told.get("env_file"))] or [str(home / ".env")]
            for text in env:
                if (base / text).is_file():
                    more = {**parse_env(_text(base / text), variables)[0], **more}
            todo += [(one, home) for one in there if one not in seen]
            seen |= dict.fromkeys(there, home)
    return tuple(seen.items()), more


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _filled(text: Any, variables: Mapping[str, str]) -> str:
    value, undefined = interpolate_data(str(text), variables)
    return "" if undefined else str(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise StackctlError(f"{path} cannot be read: {error.strerror}", "check its permissions") from error
