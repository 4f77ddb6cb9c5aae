"""What Compose and the Engine say when something fails, in one sentence with a way out."""

from __future__ import annotations

import re

from stackctl.errors import StackctlError
from stackctl.process import Completed

_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        # Before anything about networks: the way to the Engine may be one.
        r"Cannot connect to the Docker daemon|error during connect|unexpected EOF",
        "the Docker Engine does not answer",
        "see whether it runs or was restarted: `docker version`; then run the same command again",
    ),
    (
        r"permission denied while trying to connect to the Docker daemon",
        "no permission to use the Docker Engine",
        "add yourself to the group that owns the socket (often `docker`), or run as root",
    ),
    (
        r"(?:Bind for|listen \w+|bind host port(?: for)?) (?P<what>(?:\[[^\]]*\]|[\d.]*):\d+)"
        r".*already (?:allocated|in use)",
        "the port {what} is already taken on this host",
        "see who holds it (`ss -ltnp`), or publish another one in stack.local.yaml",
    ),
    (
        r"no space left on device",
        "the disk is full",
        "make room where Docker keeps its data (`docker system df` shows what takes it), then run again",
    ),
    (
        r"(?:No such image: |pull access denied for |manifest for |manifest unknown|"
        r"failed to resolve reference \")(?P<what>[^\s,\"]*)",
        "the image {what} is not to be had",
        "see whether its name and digest are right, and whether you are logged in to its registry",
    ),
    (
        r"dial tcp:? (?:lookup )?(?P<what>[\w.-]+(?::\d+)?).*"
        r"(?:no such host|i/o timeout|connection refused|server misbehaving)",
        "the registry {what} cannot be reached",
        "see whether this host has a network; or name a mirror, or an image that is here, in "
        "stack.local.yaml",
    ),
    (
        r"network (?P<what>\S+) declared as external, but could not be found",
        "the external network {what} does not exist",
        "create it (`docker network create {what}`), or let the stack own it",
    ),
    (
        r"could not find an available, non-overlapping IPv4 address pool",
        "the Docker Engine has no addresses left for another network",
        "remove networks that nobody uses (`docker network prune`), or give the Engine smaller ones: "
        "`default-address-pools` in /etc/docker/daemon.json",
    ),
    (
        r"bind source path does not exist: (?P<what>\S+)",
        "the host has no {what} to mount",
        "create it, or correct the path; Docker is told not to make it up",
    ),
    (
        r"container name \"/?(?P<what>[^\"]+)\" is already in use",
        "another container is already called {what}",
        "remove or rename it, or leave out container_name",
    ),
)


def explained(done: Completed, doing: str, service: str = "") -> StackctlError:
    """The error for a failed call: a known cause in one sentence, else the last line that was said."""
    if known := _known(done.output):
        sentence, hint = known
        return StackctlError(_of(service, sentence), hint, done.detail)
    lines = [line.strip() for line in done.output.splitlines() if line.strip()]
    said = lines[-1] if lines else f"exit code {done.exit_code}"
    return StackctlError(_of(service, f"{doing} failed: {said}"), "", done.detail)


def clearer(error: StackctlError) -> StackctlError:
    """The same error, said in one sentence where its evidence names a known cause."""
    known = _known(error.detail)
    return StackctlError(*known, error.detail) if known else error


def _known(said: str) -> tuple[str, str] | None:
    for pattern, message, hint in _KNOWN:
        if match := re.search(pattern, said):
            what = match.groupdict().get("what") or ""
            return " ".join(message.format(what=what).split()), hint.format(what=what)
    return None


def blamed(done: Completed, project: str, services: tuple[str, ...]) -> str:
    """The service that a failed call was about, where that can be told."""
    if len(services) == 1:
        return services[0]
    lines = [line for line in done.output.splitlines() if "rror" in line]
    named = [
        s for s in services if any(re.search(rf"\b{project}-{re.escape(s)}-\d+\b", line) for line in lines)
    ]
    named = named or [s for s in services if any(re.search(rf"^\s*{re.escape(s)}\b", line) for line in lines)]
    return named[0] if len(named) == 1 else ""


def _of(service: str, sentence: str) -> str:
    return f"{service}: {sentence}" if service else sentence
