"""From a stack's folder to what every command starts with: the stack, its bundle, its findings."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from stackctl import cache, contents, files, secrets, state
from stackctl.compose import Compose
from stackctl.contents import Contents
from stackctl.endpoint import other_socket, socket_group
from stackctl.engine import Engine
from stackctl.errors import StackctlError, UsageError
from stackctl.events import Event, Said
from stackctl.findings import Finding, InvalidFiles
from stackctl.lint import lint
from stackctl.lock import Lock
from stackctl.model import Bundle, Host, Observed, Stack
from stackctl.override import (
    OnHost,
    engine_sockets,
    lacks_start_interval,
    on_host,
    states_start_interval,
)
from stackctl.read.compose_keys import nearest
from stackctl.read.stack import STACK_FILE, read_stack
from stackctl.render import render
from stackctl.secrets import Held

_FOLDER_LABEL = "com.docker.compose.project.working_dir"


@dataclass(frozen=True)
class Opened:
    root: Path
    stack: Stack
    bundle: Bundle
    findings: tuple[Finding, ...]
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The files that describe it, as they were read: path -> content."""


@dataclass(frozen=True)
class HostView:
    """The stack on this host."""

    host: Host
    on_host: OnHost
    secrets: Held = field(default_factory=Held, repr=False)
    """What was read of the secrets; nothing, unless the command needs to know them."""
    macs: Mapping[str, str] = field(default_factory=dict)
    """Secret -> what tells whether it changed; without reading them, what was last given out."""
    redact: tuple[str, ...] = field(default=(), repr=False)
    """Spellings of every value that is known, to be taken out of what is shown or kept."""
    generations: Mapping[str, int] = field(default_factory=dict)
    """Spoke -> the generation that runs here, or is to run; the first where it is not named."""
    contents: Contents = field(default_factory=Contents, repr=False)
    """Of the files that containers are made with."""

    def unread(self) -> Iterator[Said]:
        """Says which files could not be read: a change of them stays unnoticed."""
        for spoke, path in self.contents.unread:
            message = f"{spoke}: `{path}` cannot be read here, so a change of its content is not noticed"
            yield Said(message, warning=True)

    def stand_ins(self) -> Iterator[Event]:
        """Says which images run here in place of the declared ones: what is proved is proved of those."""
        if images := self.host.images:
            told = ", ".join(f"{spoke}: {image}" for spoke, image in sorted(images.items()))
            yield Said(f"stand-ins run in place of the declared images ({told})", warning=True)


def find(root: Path) -> tuple[Stack | None, tuple[Finding, ...]]:
    """Everything that the files say, and every problem in them; nothing outside the folder is looked at."""
    return _examined(root, files.load(root))


def _examined(root: Path, texts: Mapping[str, bytes]) -> tuple[Stack | None, tuple[Finding, ...]]:
    memory = cache.remembered(root)
    reading = read_stack(texts, memory)
    cache.remember(root, memory)
    if reading.stack is None:
        return None, reading.findings
    stack, missing = files.with_mounted(reading.stack, root)
    return stack, lint(stack, (*reading.findings, *missing))


def find_of_host(root: Path, stack: Stack | None) -> tuple[Finding, ...]:
    """What is wrong with stack.local.yaml; `.env` may hold secrets that lint is not to need."""
    return files.read_local(root, _nameable(stack) if stack else ())[1]


def _nameable(stack: Stack) -> list[str]:
    """The spokes that stack.local.yaml may tell of."""
    return [spoke.name for spoke in (*stack.spokes, *stack.resting)]


def open_stack(root: Path) -> Opened:
    """Reads, lints and renders.

    Raises:
        InvalidFiles: The files hold an error that no spoke accepts.
    """
    texts = files.load(root)
    stack, findings = _examined(root, texts)
    if stack is None or any(finding.blocks for finding in findings):
        raise InvalidFiles(findings)
    return Opened(root, stack, render(stack), findings, texts)


def look_at_host(opened: Opened, environ: Mapping[str, str]) -> HostView:
    """Lays this host's values over the stack.

    Raises:
        InvalidFiles: `stack.local.yaml` is wrong, or a variable is defined nowhere.
    """
    host, findings = files.read_host(opened.root, environ, _nameable(opened.stack))
    resting = {spoke.name for spoke in opened.stack.resting}
    host = replace(
        host,
        images={name: image for name, image in host.images.items() if name not in resting},
        ports={name: ports for name, ports in host.ports.items() if name not in resting},
    )
    if not host.socket:
        # What filters the Engine's API must filter that of the Engine on which it runs.
        host = replace(host, socket=other_socket(environ))
    sockets = engine_sockets(opened.stack, host)
    host = replace(host, socket_groups={path: socket_group(path) for path in sockets})
    if any(states_start_interval(spoke.service) for spoke in opened.stack.spokes):
        host = replace(host, no_start_interval=lacks_start_interval(_engine_version(environ)))
    if any(finding.blocks for finding in findings):
        raise InvalidFiles(findings)
    return laid_over(opened, host)


def _engine_version(environ: Mapping[str, str]) -> str:
    """Of the Engine here; empty where none answers, as files are rendered without one too."""
    with suppress(StackctlError), Engine.connect(environ) as engine:
        return engine.version
    return ""


def laid_over(opened: Opened, host: Host) -> HostView:
    """The stack with these values of a host; of its secrets, only what tells whether one changed."""
    view = on_host(opened.stack, opened.bundle, host, str(opened.root))
    generations = state.generations(opened.root)
    held = contents.read(opened.stack, view.stanzas, opened.root, host.variables)
    if not opened.stack.secret_sources:
        return HostView(host, view, generations=generations, contents=held)
    known = secrets.at_hand(opened.stack, opened.root, host.variables)
    macs = state.applied_secrets(opened.root)
    return HostView(host, view, macs=macs, redact=known, generations=generations, contents=held)


def with_secrets(opened: Opened, view: HostView, spokes: Collection[str]) -> HostView:
    """The view with the secrets of these spokes read from their sources, which may start programs.

    Raises:
        StackctlError: A source fails; the error names the secret.
    """
    held = secrets.read(opened.stack, spokes, opened.root, view.host.variables)
    if not held.values:
        return view
    macs = {**view.macs, **held.macs(state.host_key(opened.root))}
    return replace(view, secrets=held, macs=macs, redact=(*view.redact, *held.spellings()))


def named(stack: Stack, spokes: tuple[str, ...]) -> tuple[str, ...]:
    """The names as given.

    Raises:
        UsageError: One of them is no spoke of the stack.
    """
    known = [spoke.name for spoke in stack.spokes]
    for name in spokes:
        if name in {spoke.name for spoke in stack.resting}:
            told = f"{name} rests, as stack.yaml names another edge: {stack.edge.value}"
            raise UsageError(told, "change `edge` there to change over")
        if name not in known:
            these = f"the spokes are: {', '.join(known)}"
            hint = nearest(name, known) or (these if known else "the stack has none: `stackctl new NAME`")
            raise UsageError(f"there is no spoke named {name!r}", hint)
    return spokes


def known_profiles(opened: Opened, profiles: frozenset[str]) -> frozenset[str]:
    """The profiles as given.

    Raises:
        UsageError: No spoke stands in one of them.
    """
    known = sorted({profile for spoke in opened.stack.spokes for profile in spoke.profiles})
    for profile in sorted(profiles - {*known, "*"}):
        these = f"the profiles are: {', '.join(known) or 'none'}"
        raise UsageError(f"no spoke stands in a profile {profile!r}", nearest(profile, known) or these)
    return profiles


def elsewhere(observed: Observed, root: Path) -> str:
    """The folder of another stack whose containers bear this project's name; empty where there is none.

    A folder that was moved is no other stack, nor is one whose Compose file was adopted.
    """
    for container in observed.containers:
        folder = container.labels.get(_FOLDER_LABEL, "")
        if folder and (Path(folder) / STACK_FILE).is_file() and not os.path.samefile(folder, root):
            return folder
    return ""


def expect_ours(observed: Observed, root: Path) -> None:
    """Raises StackctlError where what runs under this stack's name is run from another stack's folder."""
    if folder := elsewhere(observed, root):
        raise StackctlError(
            f"{observed.project} runs already, from {folder}: this folder would take its containers over",
            "give one of the two another `name` in stack.yaml, or take the other down there first",
        )


def left_out(opened: Opened, profiles: frozenset[str], spokes: Collection[str]) -> Iterator[Event]:
    """Says so where no spoke is meant at all, which looks like a stack in order."""
    if not spokes and not any(spoke.active(profiles) for spoke in opened.stack.spokes):
        known = sorted({profile for spoke in opened.stack.spokes for profile in spoke.profiles})
        yield Said(
            f"no spoke is meant: each stands in a profile; add --profile {' or '.join(known)}", warning=True
        )


def compose_for(
    opened: Opened,
    view: HostView,
    environ: Mapping[str, str],
    held: Lock | None = None,
    checked: Future[str] | None = None,
) -> Compose:
    """Compose for this stack on this host, with every variable resolved in its environment.

    What creates containers needs a view with the secrets of its spokes; what changes anything, the lock.
    `checked` is what `check_ahead` gave.
    """
    carried = view.secrets.environment(opened.stack.secret_sources)
    environment = {**environ, **view.host.variables, **carried}
    known = secrets.of_variables(opened.stack, opened.bundle.compose, view.host.variables)
    keep_open = (held.descriptor,) if held else ()
    return Compose(opened.stack.name, opened.root, environment, (*view.redact, *known), keep_open, checked)
