"""From a set of operations, the exact HAProxy configuration that lets them and nothing else through.

It is built from methods and path segments of the API table alone; no text of a page enters. It holds for
HAProxy 2.6 to 3.0, built with PCRE as Debian's, Alpine's and the official images are.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stackctl.api import Operation

PORT = 2375
HEALTH_PORT = 2376
HEALTH_PATH = "/health"
HEALTH_AGENT = "stackctl-health"
"""User agent of the proxy's own question to the Engine; it is no client's."""
ENGINE_SOCKET = "/var/run/docker.sock"
SOCKET_GROUP = "${SOCKET_GID:-65534}"
"""The group that owns the Engine's socket; where nobody said which, one that may not open it."""
CONFIG_DIR = "/etc/stackctl"
CONFIG_FILE = "haproxy.cfg"
RENDERED_KEYS = ("entrypoint", "command")
"""What a spoke cannot state itself: another program would run in place of the filter."""
REFUSED = "refused by policy"
"""How the message of every refusal begins."""

# Zero would do for no timeout at all, but warns at start.
_NEVER = "24d"
# Images made from Alpine have a wget, those made from Debian have none, but a bash.
_HEALTHY = (
    "if command -v wget >/dev/null; then "
    f"exec wget -q -O /dev/null http://127.0.0.1:{HEALTH_PORT}{HEALTH_PATH}; fi; exec bash -c '"
    f"exec 3<>/dev/tcp/127.0.0.1/{HEALTH_PORT} && "
    f'printf "GET {HEALTH_PATH} HTTP/1.0\\r\\n\\r\\n" >&3 && grep -q "^HTTP/1.[01] 200" <&3\''
)
_PROTOCOLS = ("tcp", "websocket", "h2c")
_EVENTS = ("events",)
_STREAMS = ("stream", *_PROTOCOLS)


@dataclass(frozen=True)
class Timeouts:
    """Seconds of silence after which a connection is cut; `/events` has none."""

    client: int = 60
    server: int = 600
    stream: int = 3600


def is_socket_path(path: str) -> bool:
    """Whether a path can stand in the configuration as a unix socket: absolute, clean, short enough."""
    clean = re.fullmatch(r"(/[A-Za-z0-9_.-]+)+", path) is not None
    return clean and posixpath.normpath(path) == path and len(path) < 100


def config(
    operations: Iterable[Operation],
    *,
    listen: str = "",
    socket: str = ENGINE_SOCKET,
    timeouts: Timeouts = Timeouts(),
) -> str:
    """The whole configuration file. `listen` is a unix socket's path; empty means TCP port 2375.

    Raises:
        ValueError: A path is no path for a socket.
    """
    for path in filter(None, (listen, socket)):
        if not is_socket_path(path):
            raise ValueError(f"no path for a socket: {path!r}")
    allowed = sorted(set(operations))
    # Who may open the socket is decided by who mounts its volume, so its own mode lets everyone.
    bind = f"unix@{listen} mode 666" if listen else f":{PORT}"
    track = f"    server engine unix@{socket} proto h1 track engine/engine\n"
    backends, uses = [_ENGINE.format(socket=socket, agent=HEALTH_AGENT)], []
    if _any(allowed, _EVENTS):
        uses.append(f"    use_backend engine-events if {{ var(txn.way) -m beg {_EVENTS[0]} }}\n")
        backends.append(_SILENT.format(never=_NEVER) + track)
    if _any(allowed, _STREAMS):
        uses.append(f"    use_backend engine-streams if {{ var(txn.way) -m beg {' '.join(_STREAMS)} }}\n")
        backends.append(_STREAMING.format(stream=timeouts.stream) + track)
    return "".join(
        (
            _HEAD.format(client=timeouts.client, server=timeouts.server),
            _FRONTEND.format(bind=bind),
            *map(_declared, allowed),
            _upgrades(allowed),
            _REFUSALS.format(kept="|".join(_kept(allowed)), message=REFUSED),
            *uses,
            "    default_backend engine\n",
            *backends,
            _HEALTH.format(port=HEALTH_PORT, path=HEALTH_PATH),
        )
    )


def stanza(spoke: str, listen: str = "") -> dict[str, Any]:
    """What the configuration needs of its container; the Engine's socket is the spoke's to mount."""
    mounts = [
        {
            "type": "bind",
            "source": f"./rendered/{spoke}",
            "target": CONFIG_DIR,
            "read_only": True,
            "bind": {"create_host_path": False},
        }
    ]
    if listen:
        mounts.append({"type": "volume", "source": volume_name(spoke), "target": posixpath.dirname(listen)})
    return {
        # As PID 1, `haproxy -db` alone ignores SIGTERM and every stop takes ten seconds; -W has a master
        # process that obeys.
        "entrypoint": ["haproxy", "-W", "-db", "-f", f"{CONFIG_DIR}/{CONFIG_FILE}"],
        "user": f"65534:{SOCKET_GROUP}",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": "64m",
        "pids_limit": 32,
        # HAProxy's images ask for SIGUSR1, upon which it waits for every open stream to end.
        "stop_signal": "SIGTERM",
        "healthcheck": {
            "test": ["CMD", "sh", "-c", _HEALTHY],
            "interval": "3s",
            "timeout": "3s",
            "start_period": "5s",
        },
        "volumes": mounts,
    }


def volumes(spoke: str, listen: str = "") -> dict[str, Mapping[str, Any]]:
    """The top-level volumes that the stanza names; its consumers mount them too."""
    if not listen:
        return {}
    # A fresh volume belongs to root, and the proxy could not create its socket there; a tmpfs takes an owner.
    options = {"type": "tmpfs", "device": "tmpfs", "o": "uid=65534,mode=0755,size=64k"}
    return {volume_name(spoke): {"driver": "local", "driver_opts": options}}


def volume_name(spoke: str) -> str:
    return f"{spoke}-api"


def _declared(operation: Operation) -> str:
    condition = f"{{ method -m str {operation.method} }} {{ var(txn.target) -m reg '^{operation.pattern}$' }}"
    return f"    http-request set-var(txn.way) str({_way(operation)}) if {condition}\n"


def _way(operation: Operation) -> str:
    """How the request travels, and whether it may have a body."""
    way = "events" if operation.path == "/events" else "stream" if operation.stream else "plain"
    return (operation.hijack or way) + ("-body" if operation.body else "")


def _any(operations: Iterable[Operation], ways: tuple[str, ...]) -> bool:
    return any(_way(operation).startswith(ways) for operation in operations)


def _upgrades(operations: Iterable[Operation]) -> str:
    declared = {operation.hijack for operation in operations}
    return "".join(
        f"    http-request set-var(txn.upgrade) bool(true) if {{ var(txn.way) -m beg {protocol} }} "
        f"{{ req.fhdr(upgrade) -m str -i {protocol} }} {{ req.fhdr(connection) -m str -i upgrade }}\n"
        for protocol in _PROTOCOLS
        if protocol in declared
    )


def _kept(operations: Iterable[Operation]) -> tuple[str, ...]:
    """The headers that the Engine gets to see."""
    kept = ["host", "user-agent"]
    if any(operation.method not in ("GET", "HEAD") for operation in operations):
        kept += ["content-type", "content-length", "transfer-encoding"]
    if any(operation.switch in _WITH_REGISTRY for operation in operations):
        kept += ["x-registry-auth", "x-registry-config"]
    if any(operation.hijack for operation in operations):
        kept += ["connection", "upgrade", "origin", "sec-websocket-[a-z]+"]
    return tuple(kept)


_WITH_REGISTRY = frozenset({"BUILD", "DISTRIBUTION", "IMAGES", "PLUGINS", "SERVICES"})

# One thread per processor, as by default, would not fit into the limit of processes on a large machine.
_HEAD = """\
# Rendered by stackctl from the operations that the policy declares. What is not named here is refused.
global
    log stdout format raw local0
    maxconn 512
    nbthread 1

defaults
    mode http
    timeout connect 5s
    timeout client {client}s
    timeout server {server}s
    timeout http-request 10s
    timeout http-keep-alive 60s

"""

# The target is compared as it was sent. `path` and `url_dec` would make equal what the Engine may tell apart.
_FRONTEND = """\
frontend api
    bind {bind} proto h1
    log global
    option dontlognull
    log-format '{{"time":"%[date,utime(%Y-%m-%dT%H:%M:%SZ)]","client":"%ci",\
"method":"%[capture.req.method,json(utf8s)]","target":"%[capture.req.uri,json(utf8s)]",\
"version":"%[capture.req.ver,json(utf8s)]","agent":"%[var(txn.agent),json(utf8s)]",\
"status":%ST,"ended":"%ts","refused":"%[var(txn.refused)]"}}'

    acl body-declared var(txn.way) -m end body
    acl chunks req.hdr(transfer-encoding) -m found
    acl length req.hdr_val(content-length) gt 0
    acl connection req.fhdr(connection) -m found
    acl connection-plain req.fhdr(connection) -m str -i keep-alive close
    acl upgrade req.fhdr(upgrade) -m found
    acl upgrade-declared var(txn.upgrade) -m bool

    http-request set-var(txn.agent) req.fhdr(user-agent)
    http-request set-var(txn.target) url,field(1,?)

    # Declared, and nothing else: method and whole target, with or without a version.
"""

# The last reason that applies is the one that is told.
_REFUSALS = """
    http-request set-var(txn.refused) str(operation) if !{{ var(txn.way) -m found }}
    http-request set-var(txn.refused) str(body) if chunks !body-declared
    http-request set-var(txn.refused) str(body) if length !body-declared
    http-request set-var(txn.refused) str(expect) if {{ req.hdr(expect) -m found }}
    http-request set-var(txn.refused) str(connection) if connection !connection-plain !upgrade-declared
    http-request set-var(txn.refused) str(connection) if {{ req.fhdr_cnt(connection) gt 1 }}
    http-request set-var(txn.refused) str(upgrade) if upgrade !upgrade-declared
    http-request set-var(txn.refused) str(upgrade) if {{ req.fhdr_cnt(upgrade) gt 1 }}
    http-request set-var(txn.refused) str(upgrade) if {{ req.hdr(http2-settings) -m found }}
    http-request set-var(txn.refused) str(fragment) if {{ url -m sub '#' }}
    http-request set-var(txn.refused) str(version) if !{{ req.ver -m str 1.1 }}
    http-request return status 403 content-type application/json \
lf-string '{{"message":"{message}: %[var(txn.refused)]"}}' if {{ var(txn.refused) -m found }}

    http-request set-log-level silent
    http-request del-header '^(?!({kept})$)' -m reg
"""

_ENGINE = """
backend engine
    option httpchk
    http-check send meth GET uri /_ping ver HTTP/1.1 hdr Host docker hdr User-Agent {agent}
    http-check expect status 200
    server engine unix@{socket} proto h1 check inter 2s
"""

_SILENT = """
# Silence is normal in an event stream.
backend engine-events
    timeout server {never}
"""

_STREAMING = """
backend engine-streams
    timeout server {stream}s
    timeout tunnel {stream}s
"""

_HEALTH = """
frontend health
    bind 127.0.0.1:{port}
    monitor-uri {path}
    monitor fail if {{ nbsrv(engine) eq 0 }}
"""
