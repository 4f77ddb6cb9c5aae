"""What answers over an edge must be; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from stackctl.model import Expect, Outcome

Addresses = Mapping[tuple[str, str], Sequence[str]]
"""Spoke and network -> the addresses that its running containers have there."""

SOON = 7 * 86400
"""Seconds before its end at which a certificate counts as not renewed."""

_LINK = re.compile(r"""(?:href|src|action)=["'](/(?!/)[^"'#?]*)""", re.IGNORECASE)


def listening(expect: Expect, listens: Sequence[str]) -> tuple[Outcome, str]:
    """Whether a container listens where the edge will call it."""
    places = [place.rpartition(":") for place in listens]
    here = sorted({address for address, _, port in places if port == str(expect.listens)})
    outside = [address for address in here if not _is_loopback(address)]
    if outside:
        return Outcome.PASSED, f"listens on port {expect.listens}"
    if here:
        only = ", ".join(here)
        return Outcome.FAILED, f"listens on {only}:{expect.listens} only, which is inside its own container"
    others = sorted({int(port) for address, _, port in places if not _is_loopback(address)})
    elsewhere = f"it listens on {', '.join(map(str, others))}" if others else "it listens nowhere"
    return Outcome.FAILED, f"nobody listens on port {expect.listens} in its container; {elsewhere}"


def _is_loopback(address: str) -> bool:
    # Docker's own resolver sits on 127.0.0.11 in every container.
    return address.startswith("127.") or address == "::1"


def called(
    expect: Expect, connections: Sequence[str], answer: str, addresses: Addresses
) -> tuple[Outcome, str]:
    """Whether the edge came to an address of the spoke; `connections` are those of its containers."""
    wanted = expect.called
    assert wanted is not None
    places = [f"{address}:{wanted.port}" for address in addresses.get((wanted.spoke, wanted.network), ())]
    callers = addresses.get((expect.called_by, wanted.network), ())
    if not places or not callers:
        lost = wanted.spoke if not places else expect.called_by
        return Outcome.UNREACHABLE, f"{lost} has no address on `{wanted.network}`"
    came = {
        own
        for own, _, other in (c.partition(" ") for c in connections)
        if other.rpartition(":")[0] in callers
    }
    for place in places:
        if place in came:
            return Outcome.PASSED, f"{expect.called_by} calls {place}, its address on `{wanted.network}`"
    return Outcome.FAILED, f"{answer}, and {expect.called_by} does not call {' or '.join(places)}"


def certified(certificate: Mapping[str, str], name: str) -> tuple[Outcome, str]:
    """Whether a certificate is one that a client would take for this name."""
    if not certificate:
        return Outcome.UNREACHABLE, "no certificate was shown"
    if certificate.get("default"):
        return Outcome.FAILED, f"shows its default certificate, which nobody trusts: it has none for {name}"
    if wrong := certificate.get("wrong"):
        return Outcome.FAILED, f"its certificate does not hold: {wrong}"
    left = int(certificate.get("left") or 0)
    if left < SOON:
        return Outcome.FAILED, f"its certificate ends in {left // 3600} hours ({certificate.get('until')})"
    return (
        Outcome.PASSED,
        f"for {certificate['names']}, signed by {certificate['issuer']}, {left // 86400} days left",
    )


def redirected(wanted: str, status: int, location: str) -> tuple[Outcome, str]:
    """Whether an answer leads to https at once, and for good."""
    if status not in (301, 302, 307, 308):
        return Outcome.FAILED, f"answered {status} instead of leading to {wanted}"
    plain = re.sub(r"\A(https://[^/:]+):443(?=/|\Z)", r"\1", location)
    if plain.rstrip("/") == wanted.rstrip("/"):
        return Outcome.PASSED, f"leads to {plain} at once ({status})"
    return Outcome.FAILED, f"leads to {location or 'nowhere'}, not to {wanted}"


def links_below(prefix: str, body: str, location: str) -> tuple[Outcome, str]:
    """Whether a page that is served below a path keeps its links there."""
    found = [location] if location.startswith("/") else []
    found += _LINK.findall(body)
    outside = sorted({link for link in found if not f"{link}/".startswith(f"{prefix}/")})
    if outside:
        return Outcome.FAILED, f"its page leads to {', '.join(outside[:3])}, outside {prefix}/"
    return Outcome.PASSED, f"no link leaves {prefix}/"
