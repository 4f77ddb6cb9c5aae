"""Checks of a socket proxy: who else can reach Docker, and the audit that asks the proxy everything.

What the audit asks stands in `verify/matrix.py` and `verify/live.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackctl.codes import CODES
from stackctl.model import Audit, Beside, Check, Cut, Mutation, Narrowed, Observation, Opened, Spoke, Warned
from stackctl.policy import enforced
from stackctl.switches import TECNATIVA, Switches

_READS = (("/version", "ApiVersion"), ("/_ping", "OK"), ("/containers/json", "["), ("/info", "ServerVersion"))
_SOCKET = "/var/run/docker.sock"
_MOUNTED = {
    "Mounts": [{"Type": "bind", "Source": _SOCKET, "Target": "/engine.sock", "ReadOnly": True}],
    "NetworkMode": "none",
}
_PRIVILEGED = {"Privileged": True, "NetworkMode": "none"}
_PUBLISHED = {"PortBindings": {"2375/tcp": [{"HostIp": "127.0.0.1", "HostPort": "2375"}]}}
_ON_TCP = "WARNING: API is accessible on http://0.0.0.0:2375 without encryption."

_ONE_MORE: Mutation = Opened(("POST /containers/create",))
_AUDITS: tuple[tuple[str, str, str, str, Mutation], ...] = (
    ("CK210", "operations", "lets through exactly its policy", "open one operation more", _ONE_MORE),
    ("CK211", "tricks", "no spelling and no trick gets past it", "open everything", Opened()),
    ("CK212", "undeclared-upgrades", "forwards no undeclared upgrade", "forward every upgrade", Opened()),
    ("CK213", "live", "the running proxy answers as its policy says", "open one operation more", _ONE_MORE),
    ("CK214", "events", "keeps /events open through silence", "cut silent streams", Cut()),
    ("CK214", "upgrades", "grants the upgrades of its policy", "refuse upgrades", Narrowed()),
    ("CK215", "leak-environment", "shows no container's environment", "open inspection", Opened()),
    ("CK216", "leak-labels", "shows no container's labels", "open inspection", Opened()),
    ("CK217", "leak-command", "shows no container's command line", "open inspection", Opened()),
    ("CK218", "leak-log", "shows no container's log", "open logs", Opened()),
    ("CK219", "leak-file", "shows no container's files", "open archives", Opened()),
)


def allowed_read(proxy: Spoke) -> tuple[str, str]:
    """A path that the proxy lets through, and a word of Docker's own answer that shows who gave it."""
    holds = enforced(proxy) or Switches(TECNATIVA, proxy.environment)
    return next((read for read in _READS if holds.passes("GET", read[0])), _READS[0])


def standing_everywhere(spoke: Spoke) -> Iterator[Check]:
    """What must hold of every spoke's container."""
    broken_by = Beside(spoke.name, _PRIVILEGED)
    yield _standing(spoke, "CK105", "has no rights of the host", "rights", "make it privileged", broken_by)


def holds_no_socket(spoke: Spoke) -> Check:
    """The question of CK203, in a stack that has no socket proxy to ask it for."""
    title, mutation = "does not hold the Engine's socket", "mount the socket into it"
    return _standing(spoke, "CK224", title, "socket-held", mutation, Beside(spoke.name, _MOUNTED))


def standing(proxy: Spoke, network: str) -> Iterator[Check]:
    """Who can reach Docker past this proxy; `network` is the Engine's name of the proxy's own network."""
    for code, name, title, mutation, broken_by in (
        (
            "CK203",
            "socket-in-stack",
            "no other container of the stack mounts the Engine's socket",
            "mount the socket into another spoke",
            Beside("app", _MOUNTED),
        ),
        (
            "CK204",
            "socket-outside",
            "no container outside the stack mounts the Engine's socket",
            "run a container with the socket mounted",
            Beside("", _MOUNTED),
        ),
        (
            "CK206",
            "members",
            "only its consumers sit on its network",
            "join an app to its network",
            Beside("app", {"NetworkMode": network}),
        ),
        (
            "CK207",
            "namespaces",
            "nobody shares its network namespace, or that of its clients",
            "give an app the network of its container",
            Beside("app", {"NetworkMode": f"container:{proxy.name}"}),
        ),
        (
            "CK208",
            "engine-on-tcp",
            "the Engine itself does not listen on TCP",
            "let the Engine listen at 0.0.0.0:2375",
            Warned(_ON_TCP),
        ),
        (
            "CK220",
            "published-in-stack",
            "no container of the stack publishes a port of the Docker API",
            "publish 2375",
            Beside(proxy.name, _PUBLISHED),
        ),
        (
            "CK221",
            "rights-outside",
            "no container outside the stack has rights of the host",
            "run a privileged container",
            Beside("", _PRIVILEGED),
        ),
        (
            "CK222",
            "published-outside",
            "no container outside the stack publishes a port of the Docker API",
            "publish 2375 from a container outside the stack",
            Beside("", _PUBLISHED),
        ),
    ):
        if network or name not in ("members",):
            yield _standing(proxy, code, title, name, mutation, broken_by)


def audits(spoke: Spoke) -> Iterator[Check]:
    """Those that make sense for this proxy; none where nothing is known of how its image filters."""
    policy = enforced(spoke)
    if policy is None:
        return
    opened = policy.opens()
    needed: Mapping[str, bool] = {
        "events": "GET /events" in map(str, opened),
        "upgrades": any(operation.hijack for operation in opened),
    }
    for code, name, title, mutation, broken_by in _AUDITS:
        if needed.get(name, True):
            yield _check(spoke, code, title, Audit(name), mutation, broken_by)


def _standing(spoke: Spoke, code: str, title: str, name: str, mutation: str, broken_by: Mutation) -> Check:
    return _check(spoke, code, title, Observation(name), mutation, broken_by)


def _check(spoke: Spoke, code: str, title: str, look: Any, mutation: str, broken_by: Mutation) -> Check:
    severity = CODES[code].severity
    return Check(
        code,
        spoke.name,
        title,
        look,
        mutation=mutation,
        broken_by=broken_by,
        severity=severity,
        at=spoke.at(),
    )
