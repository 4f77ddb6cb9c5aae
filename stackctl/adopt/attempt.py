"""Writes a stack and asks Compose whether it says the same as the original, until it does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stackctl.adopt.draft import Draft
from stackctl.adopt.project import REFUSED, config
from stackctl.adopt.same import differing
from stackctl.codes import finding
from stackctl.errors import StackctlError
from stackctl.files import read_host, with_mounted, write_atomically
from stackctl.findings import Finding, InvalidFiles, Location
from stackctl.lint import lint
from stackctl.model import Stack
from stackctl.override import OVERRIDE_FILE, on_host
from stackctl.read.partial import SPOKE_NAME
from stackctl.read.stack import read_stack
from stackctl.render import COMPOSE_FILE, render

_MOST_ATTEMPTS = 40


@dataclass(frozen=True)
class Made:
    """A stack that runs what the original runs."""

    stack: Stack
    findings: tuple[Finding, ...]
    texts: Mapping[str, bytes]
    """Every file of it, by path relative to its folder."""


def make(draft: Draft, folder: Path, other: Mapping[str, bytes], environ: Mapping[str, str]) -> Made:
    """Writes into `folder`, which must lie beside the one that it will be; `other` are its other files.

    Raises:
        InvalidFiles: A service cannot be carried by a spoke; every reason is told with its place.
    """
    _expect_names(draft)
    for path, content in other.items():
        write_atomically(folder / path, content, 0o600 if path == ".env" else 0o644)
    for _ in range(_MOST_ATTEMPTS):
        texts = {**other, **_texts(draft)}
        if (made := _attempt(draft, folder, texts, environ)) is not None:
            return made
    raise AssertionError("every way to write a key was tried more than once")


def _texts(draft: Draft) -> dict[str, bytes]:
    manifests = {f"spokes/{name}.yaml": draft.manifest(name).encode() for name in draft.services}
    return {"stack.yaml": draft.stack_yaml().encode(), **manifests}


def _attempt(
    draft: Draft, folder: Path, texts: Mapping[str, bytes], environ: Mapping[str, str]
) -> Made | None:
    """The stack; None where something had to be written in another way."""
    reading = read_stack(texts)
    findings, stack = reading.findings, reading.stack
    if stack is not None:
        stack, missing = with_mounted(stack, folder)
        findings = lint(stack, (*findings, *missing))
    wrong = [found for found in findings if found.blocks]
    if wrong or stack is None:
        _other_way(draft, wrong)
        return None
    bundle = render(stack)
    host, _ = read_host(folder, environ)
    override = on_host(stack, bundle, host, str(folder)).text({})
    for path, content in {**texts, **bundle.files, OVERRIDE_FILE: override.encode()}.items():
        write_atomically(folder / path, content, 0o600 if path in (".env", OVERRIDE_FILE) else 0o644)
    try:
        rendered = config((folder / COMPOSE_FILE, folder / OVERRIDE_FILE), folder, environ)
    except StackctlError as error:
        _rewrite(draft, _meant(draft, error.message))
        return None
    differ = list(differing(draft.project.resolved, rendered))
    if differ:
        _rewrite(draft, differ)
        return None
    return Made(stack, findings, {**texts, **bundle.files, OVERRIDE_FILE: override.encode()})


def _other_way(draft: Draft, wrong: list[Finding]) -> None:
    """What cannot be read as it is written is written as Compose understood it."""
    refused = []
    changed = False
    for found in wrong:
        service = Path(found.at.file).stem if found.at.file.startswith("spokes/") else ""
        if service in draft.services:
            key = draft.lines_of(service).get(found.at.line, "")
        else:
            service, key = "", _element_at(draft, found.at.line)
        if key and draft.next_way(service, key):
            changed = True
        else:
            file, line = draft.place(service, key)
            message = f"{found.message} ({found.code})"
            refused.append(finding("SC801", _location(draft, file, line), message, found.hint))
    if not changed:
        raise InvalidFiles(tuple(dict.fromkeys(refused)), REFUSED)


def _rewrite(draft: Draft, differ: list[tuple[str, str]]) -> None:
    """What Compose reads otherwise than the original is written in the next way."""
    refused = []
    changed = False
    for service, key in differ:
        # The variables of a file end among the others.
        keys = ("environment", "env_file") if key == "environment" else (key,)
        moved = [draft.next_way(service, one) for one in keys if one in _keys(draft, service)]
        if any(moved):
            changed = True
        else:
            file, line = draft.place(service, key)
            what = f"`{key}` of {service}" if service and key else f"`{service or key}`"
            message = f"{what} would not be what Compose makes of it now"
            refused.append(finding("SC802", _location(draft, file, line), message))
    if not changed:
        raise InvalidFiles(tuple(refused), REFUSED)


def _meant(draft: Draft, said: str) -> list[tuple[str, str]]:
    """What Compose may mean where it refuses a whole file."""
    for name in draft.services:
        if re.search(rf"services\.{re.escape(name)}\.|service \"?{re.escape(name)}\"?[ :]", said):
            named = re.search(rf"services\.{re.escape(name)}\.(\w+)", said)
            return [(name, named[1])] if named else [(name, key) for key in draft.keys(name)]
    return [("", key) for key in draft.elements() if key in said]


def _keys(draft: Draft, service: str) -> tuple[str, ...]:
    if not service:
        return draft.elements()
    return draft.keys(service) if service in draft.services else ()


def _element_at(draft: Draft, line: int) -> str:
    """The element of stack.yaml that a line belongs to."""
    lines = draft.stack_yaml().split("\n")[:line]
    tops = (text.partition(":")[0] for text in reversed(lines) if text[:1].isalpha())
    return next((top for top in tops if top in draft.elements()), "")


def _expect_names(draft: Draft) -> None:
    refused = []
    for name in draft.services:
        if not SPOKE_NAME.match(name):
            message = f"`{name}` cannot be the name of a spoke"
            hint = "rename the service: a-z, 0-9, - and _; its container is then another one"
            refused.append(finding("SC801", _location(draft, *draft.place(name)), message, hint))
    if refused:
        raise InvalidFiles(tuple(refused), REFUSED)


def _location(draft: Draft, file: Path, line: int) -> Location:
    folder = draft.project.directory
    return Location(str(file.relative_to(folder) if file.is_relative_to(folder) else file), line)
