"""Checks of pages and manifests -> the Checks of a spoke, once the whole stack is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.harmless import ENGINE_PORTS, NO_SUCH_ID, why_not
from stackctl.model import Check, Control, Expect, Kind, Named, OnNetwork, Published, Request, Spoke, Target
from stackctl.read.networks import Networks
from stackctl.read.partial import CheckDraft

_HERE = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal")  # noqa: S104


@dataclass(frozen=True)
class Surroundings:
    """What a check can name: all spokes of the stack, and its networks."""

    spokes: Sequence[Spoke]
    networks: Networks

    def called(self, host: str) -> Spoke | None:
        """The spoke that answers to a name on its networks."""
        return self._by_name.get(host)

    def routed(self, host: str) -> bool:
        return host in self._routed

    def about(self, target: Target) -> tuple[Spoke, ...]:
        """The spoke that a target names, so that nobody has to look through all of them for each check."""
        spoke = self._by_own_name.get(target.host if isinstance(target, Named) else target.spoke)
        return (spoke,) if spoke is not None else ()

    @cached_property
    def _by_own_name(self) -> dict[str, Spoke]:
        return {spoke.name: spoke for spoke in self.spokes}

    @cached_property
    def _by_name(self) -> dict[str, Spoke]:
        """The first spoke of each name."""
        return {name: spoke for spoke in reversed(self.spokes) for name in _names_of(spoke)}

    @cached_property
    def _routed(self) -> frozenset[str]:
        return frozenset(host for spoke in self.spokes for route in spoke.routes for host in route.hosts)

    @cached_property
    def edge(self) -> Spoke | None:
        return next((spoke for spoke in self.spokes if spoke.kind is Kind.EDGE), None)


def _names_of(spoke: Spoke) -> frozenset[str]:
    names = {spoke.name, str(spoke.service.get("container_name", "")), str(spoke.service.get("hostname", ""))}
    for options in spoke.service.get("networks", {}).values():
        names |= set(options.get("aliases") or ())
    return frozenset(names - {""})


def resolve_checks(
    spoke: Spoke, drafts: Iterable[CheckDraft], around: Surroundings
) -> tuple[tuple[Check, ...], list[Finding]]:
    """The checks of a spoke, and what became of those that cannot be taken over."""
    checks: list[Check] = []
    findings: list[Finding] = []
    for draft in drafts:
        resolved = _resolve(spoke, draft, around, findings)
        if resolved is not None:
            checks.append(resolved)
    return tuple(checks), findings


def _resolve(spoke: Spoke, draft: CheckDraft, around: Surroundings, findings: list[Finding]) -> Check | None:
    vantage = ""
    if draft.network:
        network, problem = around.networks.resolve(draft.network, draft.at)
        if problem is not None:
            findings.append(problem)
        if network is None:
            if draft.from_page:
                message = f"“{draft.title}” asks from a network that this stack does not have"
                findings.append(finding("SC304", draft.at, message))
            return None
        vantage = network
    asked = around.called(draft.host)
    docker = draft.port in ENGINE_PORTS or (asked is not None and asked.kind is Kind.SOCKET_PROXY)
    where = _target(draft, around, vantage)
    if isinstance(where, str):
        code = "SC304" if draft.from_page else "SC103"
        findings.append(finding(code, draft.at, f"“{draft.title}” {where}"))
        return None
    target, host = where
    look = Request(vantage, target, draft.method, draft.path, host)
    if why_not(around.about(target), look):
        message = f"“{draft.title}”: {draft.method} {draft.path} may take effect, or hang, where it is sent"
        hint = f"ask with GET; a proxy also with POST /containers/create, or for the id {NO_SUCH_ID}"
        findings.append(finding("SC305", draft.at, message, hint))
        return None
    expect = replace(draft.expect, names_container=spoke.name) if draft.names_itself else draft.expect
    check = Check(
        code="CK401",
        spoke=spoke.name,
        title=draft.title,
        look=look,
        expect=expect,
        at=draft.at,
    )
    if expect.no_answer:
        return _unreachable(check, draft, asked, docker, findings)
    if docker and expect.statuses and min(expect.statuses) >= 400:
        return replace(check, controls=(_answers(Request(vantage, target, "GET", "/version")),))
    return check


def _answers(request: Request) -> Control:
    return Control(request, Expect(statuses=frozenset((200,))), "the proxy answers allowed requests")


def _target(draft: CheckDraft, around: Surroundings, vantage: str) -> tuple[Target, str] | str:
    """The target and the Host header, or why there is none."""
    if vantage:
        return Named(draft.host, draft.port), draft.host_header
    host = next((name for name in (draft.host_header, draft.host) if around.routed(name)), "")
    if host and draft.host in (*_HERE, host):
        if around.edge is None:
            return f"asks for {host}, but the stack has no edge"
        return Published(around.edge.name, _container_port(around.edge, draft.port)), host
    asked = around.called(draft.host)
    if asked is not None:
        return Published(asked.name, _container_port(asked, draft.port)), draft.host_header
    return Named(draft.host, draft.port), draft.host_header


def _container_port(spoke: Spoke, port: int) -> int:
    """The container's port behind the port of a URL, which names what is published."""
    if any(p.target == port for p in spoke.ports):
        return port
    return next((p.target for p in spoke.ports if p.published == str(port)), port)


def _unreachable(
    check: Check, draft: CheckDraft, asked: Spoke | None, docker: bool, findings: list[Finding]
) -> Check | None:
    """No answer proves something only where the same address answers from a place that may ask."""
    home = next(iter(asked.networks), "") if asked is not None else ""
    if asked is None or not home:
        message = f"“{draft.title}” would hold with its target down, and there is nothing to compare with"
        hint = "name a spoke of this stack as the target"
        findings.append(finding("SC301", draft.at, message, hint))
        return None
    target = OnNetwork(asked.name, home, draft.port)
    look = check.look
    assert isinstance(look, Request)
    if docker:
        control = _answers(Request(home, target, "GET", "/version"))
    else:
        # Always a read: a control must not take effect where the check itself must not arrive.
        asks = Request(home, target, "GET", draft.path, draft.host_header)
        control = Control(asks, Expect(taken=True), f"{asked.name} answers on the network {home}")
    return replace(check, look=replace(look, target=target), controls=(control,))
