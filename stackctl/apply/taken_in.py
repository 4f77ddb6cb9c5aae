"""Whether Traefik has taken in a container's labels, seen from outside: its witness answers."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
from collections.abc import Iterable, Iterator

from stackctl.generation import told
from stackctl.model import Container

WITHIN = 20.0
"""Seconds; with Traefik's own settings it takes in a change within 2, rarely after twice that."""

_PAUSE = 0.05
_PATIENCE = 2.0

Place = tuple[str, int]


def taken_in(witness: str, edges: Iterable[Container], within: float = WITHIN) -> bool:
    """Waits until one of the edge's containers answers for that host name as only the new labels let it."""
    places = tuple(dict.fromkeys(place for edge in edges for place in _places(edge)))
    ends = time.monotonic() + within
    while places:
        if any(_answers(place, witness, secure) for place in places for secure in (False, True)):
            return True
        if time.monotonic() >= ends:
            break
        time.sleep(_PAUSE)
    return False


def _places(edge: Container) -> Iterator[Place]:
    """Where the edge listens, as this host sees it."""
    for port in edge.ports:
        if port.protocol == "tcp" and port.published:
            address = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(port.host_ip, port.host_ip)  # noqa: S104
            yield address, int(port.published)
    exposed = (edge.inspect.get("Config") or {}).get("ExposedPorts") or {}
    inside = {int(name.partition("/")[0]) for name in exposed if name.endswith("/tcp")}
    for port_inside in sorted(inside | {port.target for port in edge.ports if port.protocol == "tcp"}):
        yield from ((address, port_inside) for address in edge.networks.values() if address)


def _answers(place: Place, witness: str, secure: bool) -> bool:
    connection = _connection(place, secure)
    with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
        connection.request("GET", "/", headers={"Host": witness})
        return connection.getresponse().getheader("Location") == told(witness)
    return False


def _connection(place: Place, secure: bool) -> http.client.HTTPConnection:
    if not secure:
        return http.client.HTTPConnection(*place, timeout=_PATIENCE)
    # Nobody has a certificate for a name like this, and nothing is told that could be overheard.
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(*place, timeout=_PATIENCE, context=trust)
