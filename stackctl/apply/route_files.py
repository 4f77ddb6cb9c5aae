"""Routes that stackctl writes itself, on their way from one container of a spoke to the next.

While two stand side by side, Docker's DNS names both, and the edge would try the new one before it works. For
that time the routes name containers, and the edge has read that before anything starts or stops.
"""

from __future__ import annotations

import http.client
import os
import socket
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from stackctl import fingerprint, state
from stackctl.apply import led
from stackctl.apply.start import Site
from stackctl.apply.taken_in import taken_in
from stackctl.apply.trouble import explained
from stackctl.compose import Compose
from stackctl.edge import caddy, written
from stackctl.edge.precedence import Upstreams
from stackctl.errors import StackctlError, of_file
from stackctl.files import write_atomically
from stackctl.model import Container, Edge, Kind, Protocol, Route, RoutesBy, Spoke, Stack
from stackctl.render import RENDERED_DIR

ANSWERS_WITHIN = 5.0
"""Seconds in which a container that is healthy must answer where its route leads."""

_PATIENCE = 2.0
_PAUSE = 0.1


class RouteFiles:
    """What the edge's files say while a run replaces containers; nothing is written where labels say it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._named: dict[str, tuple[str, ...]] = {}
        """Spoke -> the containers that its routes name at present, instead of the spoke."""

    def hold(self, spokes: Collection[str], busy: Collection[str] = ()) -> None:
        """Keep requests on the containers that run now, before new ones start.

        An edge that is `busy` is itself being replaced; its requests are interrupted anyway.
        Raises StackctlError where the edge does not take it.
        """
        stack = self._site.stack
        if any(s.name in busy for s in stack.of_kind(Kind.EDGE)):
            return
        there: dict[str, list[Container]] = {}
        for container in self._site.containers(spokes):
            there.setdefault(container.spoke, []).append(container)
        self.stay(there)

    def stay(self, on: Mapping[str, Sequence[Container]]) -> bool:
        """Let requests go to these containers and no others; whether there are any that files lead there.

        Raises StackctlError where the edge does not take it.
        """
        stack = self._site.stack
        if stack.routing.by is not RoutesBy.FILES or not self._edges():
            return False
        named = {
            name: tuple(c.name for c in containers if c.running)
            for name, containers in on.items()
            if any(c.running for c in containers) and leads_to(stack.spoke(name))
        }
        if named:
            self._write({**self._named, **named})
        return bool(named)

    def move(self, new: Mapping[str, Sequence[Container]]) -> dict[str, str]:
        """Let requests go to these containers, which are healthy, once they answer as the spoke's checks say.

        Gives, spoke by spoke, why they still go to the old container.
        """
        stack = self._site.stack
        if stack.routing.by is not RoutesBy.FILES or not (edges := self._edges()):
            return {}
        failed = {}
        for name, containers in new.items():
            routes = stack.spoke(name).routes
            silent = next((s for c in containers for s in _silent(routes, c, edges)), "")
            if silent:
                failed[name] = silent
        answering = {name: new[name] for name in new if name not in failed and leads_to(stack.spoke(name))}
        failed |= self._site.wrong(answering)
        held = new.keys() & self._named.keys() - failed.keys()
        moved = {name: tuple(c.name for c in new[name]) for name in held}
        if moved:
            before = self._named
            try:
                self._write({**before, **moved})
            except StackctlError as error:
                self._named = before
                failed |= dict.fromkeys(moved, f"is not routed to: {error.message}")
        return failed

    def release(self) -> None:
        """The files as `render` writes them, once no spoke has a container too many.

        Raises StackctlError where the edge does not take it.
        """
        if self._named or any(folder.is_dir() for folder in self._led()):
            self._write({})

    def _edges(self) -> list[Container]:
        names = [s.name for s in self._site.stack.of_kind(Kind.EDGE)]
        return [c for c in self._site.containers(names) if c.running] if names else []

    def _led(self) -> list[Path]:
        """Where Caddy is led by files, which may be there from a run that was killed."""
        stack, root = self._site.stack, self._site.compose.directory
        edges = [spoke for spoke in stack.of_kind(Kind.EDGE) if caddy.is_edge(stack, spoke)]
        return [root / RENDERED_DIR / edge.name / caddy.LED_DIR for edge in edges]

    def _write(self, named: Upstreams) -> None:
        # Also where it fails half-way, there is something to release.
        self._named = {**self._named, **named}
        try:
            for folder in self._led():
                led.lead(folder, named) if named else led.let_go(folder)
            if self._site.stack.edge is Edge.TRAEFIK:
                self._tell_traefik(named)
        except OSError as error:
            raise of_file(error) or error from error
        self._named = dict(named)

    def _tell_traefik(self, named: Upstreams) -> None:
        site = self._site
        root, stack = site.compose.directory, site.stack
        plain = written.reloaded(stack, named)
        witness = f"r{written.digest(plain)[:16]}.{site.compose.project}.invalid" if named else ""
        texts = written.reloaded(stack, named, witness)
        for edge in filter(lambda spoke: written.is_edge(stack, spoke), stack.of_kind(Kind.EDGE)):
            paths = {f"{RENDERED_DIR}/{edge.name}/{name}": text for name, text in texts.items()}
            # First, as otherwise a run that is killed in between seems to have been somebody's edit.
            state.remember_written(root, {p: fingerprint.sha256(t.hex()) for p, t in paths.items()})
            for path, text in paths.items():
                write_atomically(root / path, text)
        edges = self._edges()
        if witness and edges and not taken_in(witness, edges):
            raise StackctlError(
                "the edge did not take in its routes", f"see its log: docker logs {edges[0].name}"
            )


def leads_to(spoke: Spoke) -> bool:
    """Whether requests arrive at the spoke's own containers."""
    return any(not route.dashboard for route in spoke.routes)


def tell(container: Container, stack: Stack, root: Path, digest: str, compose: Compose) -> None:
    """Lets this container of the edge read its routes again, whose digest is given.

    Raises:
        StackctlError: It refuses them; it goes on with what it had.
    """
    name = container.spoke
    if stack.edge is Edge.TRAEFIK:
        # It reads certificates only together with its routes, and those when something happens to them.
        for path in files_of(root, stack, name):
            os.utime(path)
        return
    done = compose.exec(container.id, caddy.RELOAD)
    if done.exit_code:
        raise explained(done, "reading the routes again", name)
    read = {key: value for key, value in state.reloaded(root).items() if not key.startswith(f"{name} ")}
    state.remember_reloaded(root, {**read, run_of(container): digest})


def files_of(root: Path, stack: Stack, edge: str) -> list[Path]:
    """What the edge reads again while it runs, as far as it is there."""
    paths = (root / RENDERED_DIR / edge / name for name in written.reloaded(stack))
    return [path for path in paths if path.is_file()]


def run_of(container: Container) -> str:
    """A container from one start to the next."""
    return f"{container.spoke} {container.id} {container.inspect['State'].get('StartedAt', '')}"


def _silent(routes: Sequence[Route], container: Container, edges: Sequence[Container]) -> Iterator[str]:
    """Where this container does not answer, though a route leads there."""
    shared = {network for edge in edges for network in edge.networks}
    addresses = [address for network, address in container.networks.items() if network in shared and address]
    for route in routes:
        if route.dashboard or route.protocol is Protocol.UDP:
            continue
        if addresses and not any(_answers(address, route) for address in addresses):
            yield f"is healthy and does not answer on port {route.port}, where its route leads"


def _answers(address: str, route: Route) -> bool:
    """False only where it is certain: not every host reaches the networks of its Engine."""
    ends = time.monotonic() + ANSWERS_WITHIN
    while True:
        try:
            _ask(address, route)
        except (ConnectionError, http.client.HTTPException):
            if time.monotonic() >= ends:
                return False
            time.sleep(_PAUSE)
        except OSError:
            return True
        else:
            return True


def _ask(address: str, route: Route) -> None:
    """Any answer will do; what it has to be is for the spoke's checks to say, which are asked next."""
    if route.protocol is not Protocol.HTTP:
        socket.create_connection((address, route.port), timeout=_PATIENCE).close()
        return
    connection = http.client.HTTPConnection(address, route.port, timeout=_PATIENCE)
    try:
        path = "/" if route.strip else f"{route.prefix}/"
        connection.request("GET", path, headers={"Host": route.hosts[0].replace("*", "any")})
        connection.getresponse()
    finally:
        connection.close()
