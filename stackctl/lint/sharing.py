"""Rules about what only one spoke can have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from stackctl.codes import finding
from stackctl.findings import Finding, Severity
from stackctl.model import Hardening, Port, Protocol, Route, Spoke, Stack

_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  (compared, not bound)

_ROUTER_RULE = re.compile(r"traefik\.(?:http|tcp)\.routers\.[^.]+\.rule", re.IGNORECASE)
_HOSTS_OF_RULE = re.compile(r"\bHost(?:SNI)?\s*\(([^)]*)\)", re.IGNORECASE)
_QUOTED = re.compile(r"[`\"']([^`\"']+)[`\"']")


def routes_lead_to_one_spoke(stack: Stack) -> Iterator[Finding]:
    """SC209: a request has one place to go."""
    first: dict[str, tuple[Spoke, int]] = {}
    for spoke in stack.spokes:
        for number, route in enumerate(spoke.routes):
            for place_taken in _places_of(route):
                before, where = first.setdefault(place_taken, (spoke, number))
                if (before, where) == (spoke, number):
                    continue
                place = before.at("route", str(where))
                message = f"{place_taken} already leads to {before.name} ({place})"
                hint = "give one of them another host name or path"
                at = spoke.at("route", str(number))
                yield finding("SC209", at, message, hint, spoke.name, _severity(before, spoke))


def _places_of(route: Route) -> tuple[str, ...]:
    """Where requests for the route arrive."""
    if route.protocol is Protocol.HTTP:
        return tuple(f"{host}{route.prefix or '/'}" for host in route.hosts)
    return tuple(f"{route.protocol} port {route.listen} {host}".rstrip() for host in route.hosts or ("",))


def labels_take_no_route(stack: Stack) -> Iterator[Finding]:
    """SC214: no spoke's own labels name a host that another spoke's route declares."""
    declared: dict[str, Spoke] = {}
    for spoke in stack.spokes:
        for route in spoke.routes:
            for host in route.hosts:
                declared.setdefault(host.lower(), spoke)
    for spoke in stack.spokes:
        for label, value in (spoke.service.get("labels") or {}).items():
            if not _ROUTER_RULE.fullmatch(label):
                continue
            for host in dict.fromkeys(h.lower() for h in _hosts_in(str(value))):
                owner = declared.get(host)
                if owner is not None and owner is not spoke:
                    message = f"`{label}` takes {host}, which the route of {owner.name} declares"
                    at = spoke.at("labels", label)
                    hint = f"take {host} out of the label, or the route out of {owner.name}"
                    yield finding("SC214", at, message, hint, spoke.name, _severity(owner, spoke))


def _hosts_in(rule: str) -> Iterator[str]:
    for inside in _HOSTS_OF_RULE.findall(rule):
        yield from _QUOTED.findall(inside)


def ports_are_published_once(stack: Stack) -> Iterator[Finding]:
    """SC210: a port of the host has one owner."""
    published: dict[tuple[str, str], list[tuple[Spoke, int, Port]]] = {}
    for spoke in stack.spokes:
        for number, port in enumerate(spoke.ports):
            # Of a range, the Engine takes a port that is free.
            if port.published and not re.fullmatch("[0-9]+-[0-9]+", port.published):
                published.setdefault((port.published, port.protocol), []).append((spoke, number, port))
    for (outside, _), owners in published.items():
        for (before, where, one), (spoke, number, other) in combinations(owners, 2):
            if _meet(one.host_ip, other.host_ip):
                place = before.at("ports", str(where))
                message = f"port {outside} of the host is already published by {before.name} ({place})"
                hint = "publish one of them on another port or address"
                at = spoke.at("ports", str(number))
                yield finding("SC210", at, message, hint, spoke.name, _severity(before, spoke))


def _meet(one: str, other: str) -> bool:
    return one == other or one in _EVERYWHERE or other in _EVERYWHERE


def _severity(one: Spoke, other: Spoke) -> Severity:
    """Spokes that share no profile are perhaps never meant to run together; as-is promises nothing."""
    apart = one.profiles and other.profiles and not set(one.profiles) & set(other.profiles)
    as_is = one.hardening is other.hardening is Hardening.AS_IS
    return Severity.WARNING if apart or as_is else Severity.ERROR


RULES = (routes_lead_to_one_spoke, labels_take_no_route, ports_are_published_once)
