"""Secrets: read from their sources, held in a type that prints nothing, written for containers."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackctl import process
from stackctl.errors import StackctlError
from stackctl.files import private_dir, write_atomically
from stackctl.fingerprint import secret_mac
from stackctl.model import (
    SECRETS_DIR,
    Container,
    SecretSource,
    Spoke,
    Stack,
    Stanza,
    secret_of,
    secret_variable,
)
from stackctl.process import REDACTED, redacted
from stackctl.read.variables import InvalidVariable, names

_PATIENCE = 60.0
"""Seconds for one command; it may ask a service on the network, but nobody at this terminal."""

_SHORTEST_VALUE = 6
"""A value of a variable is taken out only where it is long enough not to be any word."""

_SHORTEST_LINE = 8
"""A line of a longer secret is taken out by itself only where it is long enough to be telling."""


class Secret:
    """A value that does not print: only `reveal` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return REDACTED

    def __reduce__(self) -> tuple[()]:
        raise TypeError("a secret is not to be pickled")

    def spellings(self) -> frozenset[str]:
        """The forms in which the value may turn up in what a program says."""
        value = self._value.strip()
        lines = {line.strip() for line in value.splitlines() if len(line.strip()) >= _SHORTEST_LINE}
        whole = {self._value, value, *lines}
        return frozenset(s for w in whole for s in _spelt(w) if s)


def _spelt(word: str) -> tuple[str, ...]:
    """As it is; as Compose prints a dollar; and as Go and JSON, Python, and a shell quote it."""
    return (
        word,
        word.replace("$", "$$"),
        json.dumps(word)[1:-1],
        json.dumps(word, ensure_ascii=False)[1:-1],
        repr(word)[1:-1],
        shlex.quote(word).removeprefix("'").removesuffix("'"),
    )


@dataclass(frozen=True)
class Held:
    """The values that were read on this host; the only place where they are."""

    values: Mapping[str, Secret] = field(default_factory=dict)

    def environment(self, names: Iterable[str]) -> dict[str, str]:
        """For the process of `docker compose`, which needs every variable, be it unread.

        What was not read belongs to spokes that the call does not touch.
        """
        return {secret_variable(n): self.values[n].reveal() if n in self.values else "-" for n in names}

    def macs(self, key: bytes) -> dict[str, str]:
        return {name: secret_mac(name, value.reveal(), key) for name, value in self.values.items()}

    def spellings(self) -> tuple[str, ...]:
        """What must be taken out of everything that is shown or kept."""
        return tuple(sorted({s for value in self.values.values() for s in value.spellings()}))


# ---- reading


def read(stack: Stack, spokes: Collection[str], root: Path, variables: Mapping[str, str]) -> Held:
    """The secrets that these spokes use, from their sources.

    Raises:
        StackctlError: A source fails or gives nothing; the error names the secret and no value.
    """
    used = {name for spoke in stack.spokes if spoke.name in spokes for name in spoke.secrets}
    held: dict[str, Secret] = {}
    for name in sorted(used & stack.secret_sources.keys()):
        held[name] = _read(name, stack.secret_sources[name], root, variables, Held(held))
    return Held(held)


def lacking(
    stack: Stack, spokes: Collection[str], root: Path, variables: Mapping[str, str]
) -> tuple[str, ...]:
    """Those that these spokes use and that have no value here; what a command gives is not asked for."""
    used = {name for spoke in stack.spokes if spoke.name in spokes for name in spoke.secrets}
    found = []
    for name in sorted(used & stack.secret_sources.keys()):
        source = stack.secret_sources[name]
        try:
            if not source.command:
                _read(name, source, root, variables)
        except StackctlError:
            found.append(f"{name} ({_told(source)})")
    return tuple(found)


def at_hand(stack: Stack, root: Path, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Spellings of the values that can be had without starting a program, to be kept out of outputs."""
    values = {str(path): path for path in (root / SECRETS_DIR).glob("*/*")} if stack.secret_sources else {}
    held: dict[str, Secret] = {}
    for place, path in values.items():
        with suppress(OSError, ValueError):
            held[place] = Secret(path.read_text())
    for name, source in stack.secret_sources.items():
        with suppress(StackctlError):
            if not source.command:
                held[name] = _read(name, source, root, variables)
    return Held(held).spellings()


def of_variables(stack: Stack, declared: Any, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Spellings of the values of the variables that `declared` names: any of them may be a secret.

    Short ones stand in too many words, and what is a name or a folder here must stay readable.
    """
    own = [f"{stack.name}-{spoke.name}-1" for spoke in stack.spokes]
    values = {variables[name] for name in named(declared) if len(variables.get(name, "")) >= _SHORTEST_VALUE}
    telling = [v for v in values if not any(v in name for name in own) and not _is_path(v)]
    return tuple(sorted({spelt for value in telling for spelt in Secret(value).spellings()}))


def in_containers(stack: Stack, containers: Iterable[Container]) -> tuple[str, ...]:
    """Spellings of the secrets that containers have in their environment, whatever their source is."""
    held = {
        f"{container.id} {entry.partition('=')[0]}": Secret(entry.partition("=")[2])
        for container in containers
        for spoke in stack.spokes
        if spoke.name == container.spoke
        for entry in (container.inspect.get("Config") or {}).get("Env") or ()
        if secret_of(spoke.environment.get(entry.partition("=")[0]))
    }
    return Held(held).spellings()


def named(declared: Any) -> frozenset[str]:
    """The variables that stand in this data."""
    if isinstance(declared, str):
        with suppress(InvalidVariable):
            return names(declared) if "$" in declared else frozenset()
        return frozenset()
    if isinstance(declared, Mapping):
        declared = declared.values()
    elif not isinstance(declared, list | tuple):
        return frozenset()
    return frozenset().union(*map(named, declared))


def _is_path(value: str) -> bool:
    with suppress(OSError, ValueError):
        return value.startswith("/") and Path(value).exists()
    return False


def _read(
    name: str, source: SecretSource, root: Path, variables: Mapping[str, str], known: Held = Held()
) -> Secret:
    if source.command:
        text = _said(name, source.command, root, variables, known)
    elif source.file:
        text = _written(name, root / Path(source.file).expanduser())
    elif source.env in variables:
        text = variables[source.env]
    else:
        raise StackctlError(
            f"the secret {name} has no value: the variable {source.env} is not set",
            f"set {source.env} in the environment or in .env, or name another source under secret_sources",
        )
    # As `$(…)` does it, but only where there is one line: a key file is not whole without its last newline.
    value = text.rstrip("\r\n") if text.rstrip("\r\n").count("\n") == 0 else text
    if not value.strip() or "\0" in value:
        what = "is empty" if not value.strip() else "holds a zero byte, so it is no text"
        raise StackctlError(f"the secret {name} {what}", f"see what {_told(source)} gives")
    return Secret(value)


def _said(name: str, command: tuple[str, ...], root: Path, variables: Mapping[str, str], known: Held) -> str:
    hint = "run its command yourself, in the stack's folder; it cannot ask anything at the terminal"
    try:
        done = process.run(command, env=variables, cwd=root, timeout=_PATIENCE, redact=known.spellings())
    except StackctlError as error:
        # Its detail would hold what the command had already said, and that is the secret.
        message = f"the secret {name} cannot be read: {error.message}"
        raise StackctlError(message, error.hint or hint) from None
    if done.exit_code:
        # A failing command may repeat on its error stream what it had already given out.
        said = redacted(done.stderr.strip(), Secret(done.stdout).spellings())
        detail = f"$ {shlex.join(done.argv)}\nexit code {done.exit_code}\n{said}".rstrip()
        message = f"the secret {name} cannot be read: `{command[0]}` failed with exit code {done.exit_code}"
        raise StackctlError(message, hint, detail)
    if "\ufffd" in done.stdout:
        raise StackctlError(f"the secret {name} is no text", "let its command encode it, as base64 does")
    return done.stdout


def _written(name: str, path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        message = f"the secret {name} is no text: {path}"
        raise StackctlError(message, "mount a binary file as a volume") from None
    except OSError as error:
        raise StackctlError(
            f"the secret {name} cannot be read: {path}: {error.strerror}",
            "create the file, or name another source under secret_sources in stack.yaml",
        ) from error


def _told(source: SecretSource) -> str:
    return f"the variable {source.env}" if source.env else source.file or f"`{source.command[0]}`"


# ---- files for containers


def materialise(stack: Stack, stanzas: Mapping[str, Stanza], held: Held, root: Path, *, owners: bool) -> None:
    """Writes what these spokes mount, each file as a whole or not at all.

    `stanzas` are those of the spokes as this host runs them. A mounted file keeps its mode and its owner
    inside the container, and the Engine reaches it however private the folders around it are. So a user that
    is known by its number owns the file and alone may read it; for any other the folders keep it private, and
    the file may be read by whoever is in the container. `owners` says whether numbers mean the same in there.
    """
    for spoke in (stack.spoke(name) for name in stanzas):
        for grant in _granted(stack, spoke):
            name = grant["source"]
            folder = root
            for part in (*SECRETS_DIR.split("/"), spoke.name):
                folder = private_dir(folder / part)
            owner, mode = _access(grant, str(stanzas[spoke.name].get("user", "")), owners=owners)
            write_atomically(folder / name, held.values[name].reveal().encode(), mode, owner)


def paths(stack: Stack, spokes: Iterable[str]) -> tuple[str, ...]:
    """The files that `materialise` writes for these spokes, relative to the stack's folder."""
    granted = [(name, grant["source"]) for name in spokes for grant in _granted(stack, stack.spoke(name))]
    return tuple(f"{SECRETS_DIR}/{name}/{source}" for name, source in granted)


def _granted(stack: Stack, spoke: Spoke) -> list[Mapping[str, Any]]:
    return [g for g in spoke.service.get("secrets", ()) if g["source"] in stack.secret_sources]


def _access(grant: Mapping[str, Any], user: str, *, owners: bool) -> tuple[tuple[int, int], int]:
    """Owner and mode of the file behind a grant."""
    me = (os.geteuid(), os.getegid())
    number = re.match(r"(\d+)(?::(\d+))?\Z", user)
    uid = int(grant["uid"]) if "uid" in grant else int(number[1]) if number else None
    gid = int(grant["gid"]) if "gid" in grant else int(number[2] or 0) if number else None
    wanted = (me[0] if uid is None else uid, me[1] if gid is None else gid)
    possible = owners and (me[0] == 0 or wanted[0] == me[0])
    if uid is None or not possible:
        return me, int(grant.get("mode", 0o444))
    return (wanted if me[0] == 0 else me), int(grant.get("mode", 0o400))


def remove_unnamed(stack: Stack, root: Path) -> None:
    """Takes away the files that no spoke mounts any more."""
    named = {root / path for path in paths(stack, [spoke.name for spoke in stack.spokes])}
    for path in (root / SECRETS_DIR).glob("*/*"):
        if path not in named:
            path.unlink()
    for folder in (root / SECRETS_DIR).glob("*"):
        if not any(folder.iterdir()):
            folder.rmdir()


def remove_all(root: Path) -> None:
    """Takes away every file: nothing runs any more that mounts one."""
    shutil.rmtree(root / SECRETS_DIR, ignore_errors=True)
