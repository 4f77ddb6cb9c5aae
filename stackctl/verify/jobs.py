"""What a check's request comes to on this Engine: what is sent, to which address, and from where. Pure."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from stackctl import harmless
from stackctl.checks_of_routes import HOST, INSIDE, LISTEN
from stackctl.model import InVolume, Named, Observed, OnNetwork, Port, Request, Stack
from stackctl.verify.vantage import Job

_ANY = ("", "0.0.0.0")  # noqa: S104  (compared, not bound)


@dataclass(frozen=True)
class _Place:
    """A resolved target."""

    address: str
    port: int


def job_of(
    id: str, stack: Stack, observed: Observed, request: Request, seconds: float, ca: str = ""
) -> Job | str:
    """What to send, under this id, within these seconds; or why it is not sent. `ca` is whom TLS trusts."""
    # Where a network listens is read inside it; nothing is sent for that.
    sends = request.method != LISTEN
    if sends and (reason := harmless.why_not(stack.spokes, request)):
        return reason
    inside = request.vantage.startswith(INSIDE)
    anywhere = request.vantage == HOST or isinstance(request.target, InVolume) or inside
    if inside and observed.running(request.vantage.removeprefix(INSIDE)) is None:
        return f"{request.vantage.removeprefix(INSIDE)} does not run"
    if not anywhere and request.vantage not in stack.networks:
        return f"the stack has no network `{request.vantage}`"
    place = _resolve(stack, observed, request)
    if isinstance(place, str):
        return place
    chain = id.partition(".")[0]
    job = Job(
        id,
        chain,
        request.method,
        place.address,
        place.port,
        request.path,
        request.host,
        seconds,
        headers=_of_edge(request),
    )
    sni = (request.sni or request.host).partition(":")[0] if request.tls else ""
    return replace(job, sni=sni, ca=ca, look=request.look)


def _of_edge(request: Request) -> dict[str, str]:
    """What an edge adds to a request over plain HTTP; the values are such as it would give."""
    if request.about:
        return _about(request)
    if not request.forwarded:
        return {}
    host = request.host.partition(":")[0]
    headers = {"For": "10.0.0.1", "Host": request.host, "Port": "80", "Proto": "http", "Server": host}
    if request.forwarded != "/":
        headers["Prefix"] = request.forwarded
    named = {f"X-Forwarded-{name}": value for name, value in headers.items()}
    return {**named, "X-Real-Ip": "10.0.0.1", "Via": "1.1 edge"}


def _about(request: Request) -> dict[str, str]:
    """What an edge tells a login of the request that it asks about."""
    asked = urlsplit(request.about)
    # Two who ask, so that a page that shows who asked is told from one that is always the same.
    client = "10.0.0.2" if request.forwarded else "10.0.0.1"
    port = "443" if asked.scheme == "https" else "80"
    headers = {
        "For": client,
        "Host": asked.netloc,
        "Method": "GET",
        "Port": port,
        "Proto": asked.scheme,
        "Uri": asked.path or "/",
    }
    return {f"X-Forwarded-{name}": value for name, value in headers.items()}


def _resolve(stack: Stack, observed: Observed, request: Request) -> _Place | str:
    target = request.target
    name = target.host if isinstance(target, Named) else target.spoke
    container = observed.running(name)
    if container is None and any(spoke.name == name for spoke in stack.spokes):
        # Also where it is asked for by name: it takes seconds to learn that nobody has that name.
        return f"{name} does not run"
    if isinstance(target, Named):
        return _Place(target.host, target.port)
    if container is None:
        return f"the stack has no spoke {name}"
    if isinstance(target, InVolume):
        shared = _volume(observed, target)
        return _Place(target.path, 0) if shared else f"{target.spoke} has no volume for {target.path}"
    if isinstance(target, OnNetwork):
        name = stack.network_name(target.network) if target.network in stack.networks else target.network
        address = container.networks.get(name, "")
        return _Place(address, target.port) if address else f"{target.spoke} has no address on {name}"
    if request.vantage != HOST:
        return "a published port is asked from this host only"
    bound = [p for p in container.ports if p.target == target.port and p.protocol == "tcp" and p.published]
    if not bound:
        return f"{target.spoke} does not publish its port {target.port}"
    return _dialled(min(bound, key=lambda port: ":" in port.host_ip))


def standing(stack: Stack, observed: Observed, request: Request) -> tuple[str, ...]:
    """Where the probers stand that send this request: inside a spoke, in each that an edge may call."""
    if isinstance(request.target, InVolume):
        return (f"{_volume(observed, request.target)}:{posixpath.dirname(request.target.path)}",)
    if request.vantage.startswith(INSIDE):
        running = [c for c in reversed(observed.of_spoke(request.vantage.removeprefix(INSIDE))) if c.running]
        return tuple(f"container:{c.id}" for c in (running[:1] if request.method == LISTEN else running))
    return (request.vantage and stack.network_name(request.vantage),)


def _volume(observed: Observed, target: InVolume) -> str:
    container = observed.running(target.spoke)
    folder = posixpath.dirname(target.path)
    mounts = container.mounts if container else ()
    return next((m.source for m in mounts if m.type == "volume" and m.target == folder), "")


def _dialled(port: Port) -> _Place:
    if port.host_ip in _ANY:
        return _Place("127.0.0.1", int(port.published))
    return _Place("::1" if port.host_ip == "::" else port.host_ip, int(port.published))
