"""What stands around the spokes and belongs to none: networks, volumes, and who else is there. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackctl import fingerprint, normal, strict
from stackctl.model import NOTHING, Bundle, Cause, Kind, Notice, Observed, Stack, Stanza, Who
from stackctl.throwaway_labels import is_throw_away

_FLAGS = {"internal": "Internal", "attachable": "Attachable", "enable_ipv6": "EnableIPv6"}


def notices(
    stack: Stack, bundle: Bundle, observed: Observed, applied: Mapping[str, str]
) -> tuple[Notice, ...]:
    """What is not as declared and is left as it is by `up`.

    `applied` has, by `network NAME` or `volume NAME` (as on the Engine), the `digest` of what was declared
    when this host was last brought up; it tells whether the files or the host moved.
    """
    found = []
    for what, name, how, there in _elements(stack, bundle, observed):
        fields = dict(_network(how, there) if what == "network" else _volume(how, there))
        moved = applied.get(f"{what} {name}") != digest(how)
        who = Who.YOU if moved else Who.HOST
        at = stack.at(f"{what}s", _key(bundle, what, name, stack)) if moved else None
        causes = tuple(Cause(who, field, old, new, at) for field, (old, new) in fields.items() if old != new)
        if causes:
            found.append(Notice(f"{what} {name}", causes, _REMEDY[what].format(name)))
    return (*found, *_strangers(stack, observed))


def digests(stack: Stack, bundle: Bundle) -> dict[str, str]:
    """What `notices` wants to know the next time."""
    return {
        f"{what} {name}": digest(how)
        for what, elements in _declared(bundle)
        for name, how in ((_on_engine(stack, n, h), h) for n, h in elements.items())
    }


def digest(how: Stanza) -> str:
    return fingerprint.sha256(dict(how))[:16]


_REMEDY = {
    "network": "Docker cannot change a network: `stackctl down`, then `stackctl up`, makes it anew",
    "volume": "Docker cannot change a volume, and stackctl removes none: move its data, then "
    "`docker volume rm {}`",
}


def _declared(bundle: Bundle) -> Iterator[tuple[str, Mapping[str, Stanza]]]:
    for what in ("network", "volume"):
        elements = bundle.compose.get(f"{what}s") or NOTHING
        yield what, {name: how or NOTHING for name, how in elements.items()}


def _on_engine(stack: Stack, name: str, how: Stanza) -> str:
    return str(how.get("name") or f"{stack.name}_{name}")


def _key(bundle: Bundle, what: str, name: str, stack: Stack) -> str:
    elements = dict(_declared(bundle))[what]
    return next(key for key, how in elements.items() if _on_engine(stack, key, how) == name)


def _elements(stack: Stack, bundle: Bundle, observed: Observed) -> Iterator[tuple[str, str, Stanza, Stanza]]:
    """Those that are there and that stackctl made."""
    for what, elements in _declared(bundle):
        there = observed.networks if what == "network" else observed.volumes
        for key, how in elements.items():
            name = _on_engine(stack, key, how)
            if name in there and not how.get("external"):
                yield what, name, how, there[name]


Pairs = Iterator[tuple[str, tuple[str, str]]]


def _network(how: Stanza, there: Stanza) -> Pairs:
    for key, theirs in _FLAGS.items():
        # What Docker makes of a protocol that nobody asked about is its own business.
        if key in how or key != "enable_ipv6":
            yield from _pair(key, normal.flag(there.get(theirs)), how.get(key), normal.flag)
    yield from _pair("driver", normal.text(there.get("Driver")), how.get("driver") or "bridge", normal.text)
    declared = (how.get("ipam") or NOTHING).get("config") or ()
    if declared:
        has = ((there.get("IPAM") or NOTHING).get("Config")) or ()
        for key, theirs in (("subnet", "Subnet"), ("gateway", "Gateway")):
            if wants := [c[key] for c in declared if c.get(key)]:
                old = normal.unordered(c.get(theirs) for c in has if c.get(theirs))
                yield from _pair(f"ipam.{key}", old, wants, normal.unordered)
    yield from _stated("driver_opts", how.get("driver_opts"), there.get("Options"))
    yield from _stated("labels", how.get("labels"), there.get("Labels"))


def _volume(how: Stanza, there: Stanza) -> Pairs:
    yield from _pair("driver", normal.text(there.get("Driver")), how.get("driver") or "local", normal.text)
    yield from _stated("driver_opts", how.get("driver_opts"), there.get("Options"))
    yield from _stated("labels", how.get("labels"), there.get("Labels"))


def _stated(key: str, how: Any, there: Any) -> Pairs:
    """Of a map: what is stated; what others add is theirs."""
    has = there or NOTHING
    for name, value in normal.pairs(how).items():
        yield from _pair(f"{key}.{name}", normal.text(has.get(name)), value, normal.text)


def _pair(field: str, old: str, wants: Any, form: Any) -> Pairs:
    # What a variable says is known to Compose alone.
    if "$" not in str(wants):
        yield field, (old, form(wants))


def _strangers(stack: Stack, observed: Observed) -> Iterator[Notice]:
    """Containers of others on a network on which a socket proxy answers."""
    for network in sorted(_proxy_networks(stack)):
        for other in observed.others:
            if network in other.networks and not is_throw_away(other.labels):
                yield Notice(
                    f"network {network}",
                    (Cause(Who.HOST, "member", other.name, ""),),
                    f"it reaches the socket proxy: `docker network disconnect {network} {other.name}`",
                )


def _proxy_networks(stack: Stack) -> set[str]:
    return {
        stack.network_name(name)
        for proxy in stack.of_kind(Kind.SOCKET_PROXY)
        if not strict.listen(proxy)
        for name in proxy.networks
        if name in stack.networks
    }
