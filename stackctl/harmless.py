"""What may be sent to a running system, decided in one place for reading and for running checks.

A socket proxy is asked to refuse what would be dangerous if it did not. So what is sent must be without
effect even where the proxy lets everything through: reads that end by themselves, creation without a
body (the daemon rejects it before it acts), and writes to an object that cannot exist. What a write does
in an app, nobody here knows: apps are only asked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from stackctl.model import Kind, Named, Request, Spoke

NO_SUCH_ID = "0" * 64
"""A well-formed id that no object has: a write to it ends in 404."""

ENGINE_PORTS = frozenset({2375, 2376})
_READS = frozenset({"GET", "HEAD"})
_SAFE = _READS | {"OPTIONS"}
"""Methods that are without effect wherever programs keep to HTTP."""
_OBJECTS = "containers|exec|images|networks|volumes|services|nodes|secrets|configs|tasks|plugins"
_VERSION = r"(?:/v[0-9]{1,3}\.[0-9]{1,3})?"
# `/../`, `//` and `%2e` may mean another path to the Engine than to whoever reads this one.
_PLAIN = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9_.~:@-]+)+/?|/")
_CREATE = re.compile(_VERSION + "/containers/create")
_OF_NOTHING = re.compile(_VERSION + rf"/(?:{_OBJECTS})/([0-9a-f])\1{{63}}(?:/[a-z/]+)?")
# `attach/ws` is a GET that writes; the others have no end, or send a whole file system.
_STREAMS = re.compile(
    r"/(?:events|logs|stats|attach|ws|export|archive|get|session|grpc|dial-stdio|resize|debug)(?:/|\Z)",
    re.IGNORECASE,
)
_OF_CONTAINER = re.compile(
    _VERSION + r"/containers/([0-9a-f]{64})/(?:json|logs|export|archive|top|changes|stats)"
)
_EVENTS = re.compile(_VERSION + "/events")
_ENDS = re.compile(r"(?:\A|&)until=[0-9]+(?:\.[0-9]{1,9})?(?:&|\Z)")
_UNSENDABLE = re.compile(r"[^\x21-\x7e]")


def why_not(spokes: Iterable[Spoke], request: Request, own: Collection[str] = ()) -> str:
    """Why this request is not sent; empty where it may be.

    `own` are ids of containers that this run created: they may be read in full, by who caps time and bytes.
    """
    if _UNSENDABLE.search(request.method + request.path + request.host) or not request.method.isalpha():
        # A line break in a path would smuggle in a second request that nobody looked at.
        return "not safe to send: it holds a blank or a control character"
    if not request.path.startswith("/"):
        return "not safe to send: the path does not start with /"
    if not _may_be_engine(spokes, request):
        asks = request.method in _SAFE
        return "" if asks else f"not safe to send: {request.method} may take effect in the app"
    if _without_effect(request.method, request.path):
        return ""
    if request.method in _READS and _ends(request.path, own):
        return ""
    return f"not safe to send to a live Engine: {request.method} {request.path}"


def _without_effect(method: str, path: str) -> bool:
    bare, question, _ = path.partition("?")
    if not _PLAIN.fullmatch(bare):
        return False
    if method in _READS:
        return not _STREAMS.search(bare) or _OF_NOTHING.fullmatch(bare) is not None
    if question:
        # What a write does may stand in its query: `/images/create?fromImage=…`.
        return False
    return bool(method == "POST" and _CREATE.fullmatch(bare)) or bool(_OF_NOTHING.fullmatch(bare))


def _ends(path: str, own: Collection[str]) -> bool:
    """Whether a read that streams is about a container of this run, or ends at a moment that it names."""
    bare, _, query = path.partition("?")
    container = _OF_CONTAINER.fullmatch(bare)
    if container is not None:
        return container[1] in own
    return _EVENTS.fullmatch(bare) is not None and len(_ENDS.findall(query)) == 1


def _may_be_engine(spokes: Iterable[Spoke], request: Request) -> bool:
    """Only a spoke that is known to be something else is not; an edge forwards to whatever it likes."""
    target = request.target
    name = target.host if isinstance(target, Named) else target.spoke
    if target.port in ENGINE_PORTS:
        return True
    return next((spoke.kind for spoke in spokes if spoke.name == name), None) not in (Kind.APP, Kind.JOB)
