"""The `route` of a manifest. What enters a rule of an edge is checked here, letter by letter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, TypeVar

from stackctl.model import (
    SECRET_NAME,
    BasicAuth,
    ForwardAuth,
    Path,
    Probe,
    Protocol,
    RateLimit,
    Route,
    Tls,
)
from stackctl.read.compose_keys import Malformed, Note, nearest
from stackctl.read.partial import HOST_NAME, ROUTE_PATH, SPOKE_NAME, RouteDraft

KEYS = (
    "host port path strip protocol listen auth tls redirect secure_headers headers rate_limit max_body "
    "compress sticky health websockets dashboard"
).split()
_HTTP_ONLY = (
    "path strip auth redirect secure_headers headers rate_limit max_body compress sticky health websockets "
    "dashboard"
).split()
_LONGEST_PATH = 255
_BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}\Z")
_USER = re.compile(r"[A-Za-z0-9._@-]{1,64}\Z")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}\Z")
# Braces begin a template in Traefik's files and a placeholder in Caddy's, and a backtick ends a rule.
_HEADER_VALUE = re.compile(r"[^{}`\x00-\x1f\x7f-\U0010ffff]{0,2000}\Z")
_RATE = re.compile(r"([1-9][0-9]{0,5})/([smh])\Z")
_SPAN = re.compile(r"([0-9]{1,5})([smh]?)\Z")
_SIZE = re.compile(r"([0-9]{1,12}) ?([kmg]?)i?b?\Z", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_HASH_HINT = "write a bcrypt hash, such as `caddy hash-password` or `htpasswd -nB NAME` prints"

Word = TypeVar("Word", bound=StrEnum)


def is_host(name: str) -> bool:
    """Whether this may stand in a rule: a name, or `*.` before one."""
    plain = name.removeprefix("*.")
    return HOST_NAME.match(plain) is not None and ".." not in plain and len(name) <= 253


def read_route(item: Mapping[str, Any], path: Path, note: Note) -> RouteDraft | None:
    """One route of a manifest; None where a host name is none, which is noted.

    Raises:
        Malformed: A value is wrong.
    """
    _known(item, KEYS, path, note)
    hosts = _hosts(item, path, note)
    if hosts is None:
        return None
    protocol = _word(Protocol, item, "protocol", path) or Protocol.HTTP
    for key in _HTTP_ONLY if protocol is not Protocol.HTTP else ():
        if key in item:
            note("SC611", (*path, key), f"`{key}` means nothing to a route for {protocol}", "")
    tls, certificate, key = _tls(item.get("tls"), (*path, "tls"), note)
    route = Route(
        hosts=hosts,
        port=_port(item, "port", path),
        path=_route_path(item.get("path", "/"), (*path, "path")),
        strip=_flag(item, "strip", path),
        protocol=protocol,
        listen=_port(item, "listen", path),
        auth=_auth(item.get("auth"), (*path, "auth"), note),
        tls=tls,
        certificate=certificate,
        key=key,
        redirect=_flag(item, "redirect", path, default=True),
        secure_headers=_flag(item, "secure_headers", path),
        headers=_headers(item.get("headers"), (*path, "headers")),
        rate_limit=_rate(item.get("rate_limit"), (*path, "rate_limit"), note),
        max_body=_size(item.get("max_body", 0), (*path, "max_body")),
        compress=_flag(item, "compress", path),
        sticky=_flag(item, "sticky", path),
        probe=_probe(item.get("health"), (*path, "health"), note),
        websockets=_websockets(item.get("websockets"), (*path, "websockets")),
        dashboard=_flag(item, "dashboard", path),
    )
    if protocol is not Protocol.HTTP:
        plain = Route(route.hosts, route.port, protocol=protocol, listen=route.listen)
        route = replace(plain, tls=tls, certificate=certificate, key=key)
        if not route.listen:
            raise Malformed(
                path, f"a route for {protocol} needs `listen`, the edge's own port", "listen: 5432"
            )
    return RouteDraft(hosts or None, route.port or None, route)


def _known(value: Mapping[str, Any], allowed: Iterable[str], path: Path, note: Note) -> None:
    for key in value:
        if key not in allowed:
            note("SC102", (*path, str(key)), f"unknown key `{key}`", nearest(str(key), allowed))


def _map(value: Any, path: Path, example: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value:
        raise Malformed(path, f"`{path[-1]}` must be a map", example)
    return value


def _flag(item: Mapping[str, Any], key: str, path: Path, *, default: bool = False) -> bool:
    value = item.get(key, default)
    if not isinstance(value, bool):
        raise Malformed((*path, key), f"`{key}` must be true or false")
    return value


def _word(words: type[Word], item: Mapping[str, Any], key: str, path: Path) -> Word | None:
    value = item.get(key)
    if value is None:
        return None
    if isinstance(value, str) and value in list(words):
        return words(value)
    raise Malformed(
        (*path, key), f"`{key}` must be one of {', '.join(words)}", nearest(str(value), list(words))
    )


def _hosts(item: Mapping[str, Any], path: Path, note: Note) -> tuple[str, ...] | None:
    hosts = item.get("host")
    names = [hosts] if isinstance(hosts, str) else hosts
    if names is not None and not (
        isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    ):
        raise Malformed((*path, "host"), "`host` must be a name, or a list of names")
    lowered = tuple(dict.fromkeys(name.lower() for name in names or ()))
    for name in lowered:
        if name != "*" and not is_host(name):
            hint = "letters, digits, `-` and `.`; `*.` may stand before it"
            note("SC110", (*path, "host"), f"`{name}` is not a host name", hint)
            return None
    return lowered


def _port(item: Mapping[str, Any], key: str, path: Path) -> int:
    port = item.get(key)
    if port is None:
        return 0
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise Malformed((*path, key), f"`{key}` must be the container's port, as a number")
    return port


def _route_path(value: Any, path: Path) -> str:
    if not isinstance(value, str) or not ROUTE_PATH.match(value):
        raise Malformed(path, "`path` begins with `/` and holds letters, digits and `._~-/`")
    if "//" in value or any(part in (".", "..") for part in value.split("/")):
        raise Malformed(path, "`path` must be in its plain form, without `//`, `.` and `..`")
    if len(value) > _LONGEST_PATH:
        raise Malformed(path, f"`path` must not be longer than {_LONGEST_PATH} letters")
    return value


def _tls(value: Any, path: Path, note: Note) -> tuple[Tls, str, str]:
    hint = "`internal`, `acme`, `off`, or {certificate: SECRET, key: SECRET}"
    if value is None:
        return Tls.OFF, "", ""
    if isinstance(value, dict):
        _known(value, ("certificate", "key"), path, note)
        names = [value.get(key) for key in ("certificate", "key")]
        if not all(isinstance(name, str) and SECRET_NAME.match(name) for name in names):
            raise Malformed(path, "`tls` needs the names of two secrets: `certificate` and `key`", hint)
        return Tls.FILES, str(names[0]), str(names[1])
    if value == Tls.FILES:
        raise Malformed(path, "`tls` from files needs the names of two secrets", hint)
    if not isinstance(value, str) or value not in list(Tls):
        raise Malformed(path, f"`tls` must be one of {', '.join(Tls)}", hint)
    return Tls(value), "", ""


def _auth(value: Any, path: Path, note: Note) -> BasicAuth | ForwardAuth | None:
    if value is None or value == "none":
        return None
    example = "auth: {basic: {alice: '$2y$10$…'}}, or auth: {forward: {spoke: login, port: 9091}}"
    given = _map(value, path, example)
    _known(given, ("basic", "forward"), path, note)
    if len(given.keys() & {"basic", "forward"}) != 1:
        raise Malformed(path, "`auth` is `basic`, `forward` or none", example)
    if "basic" in given:
        return _basic(_map(given["basic"], (*path, "basic"), example), (*path, "basic"))
    return _forward(_map(given["forward"], (*path, "forward"), example), (*path, "forward"), note)


def _basic(users: Mapping[str, Any], path: Path) -> BasicAuth:
    for name, digest in users.items():
        if not _USER.match(name):
            raise Malformed(path, f"`{name}` cannot be the name of a user", "letters, digits and `._@-`")
        # It may be a password, so it is not repeated.
        if not isinstance(digest, str) or not _BCRYPT.match(digest):
            raise Malformed((*path, name), f"what stands for {name} is no bcrypt hash", _HASH_HINT, "SC610")
    return BasicAuth(tuple(sorted(users.items())))


def _forward(value: Mapping[str, Any], path: Path, note: Note) -> ForwardAuth:
    _known(value, ("spoke", "port", "path", "headers"), path, note)
    spoke, headers = value.get("spoke"), value.get("headers", [])
    if not isinstance(spoke, str) or not SPOKE_NAME.match(spoke):
        raise Malformed((*path, "spoke"), "`forward` needs the name of the spoke that decides")
    if not (port := _port(value, "port", path)):
        raise Malformed(path, "`forward` needs the port of the spoke that decides", "port: 9091")
    if not isinstance(headers, list) or not all(isinstance(h, str) and _HEADER.match(h) for h in headers):
        raise Malformed((*path, "headers"), "`headers` must be a list of names", "headers: [Remote-User]")
    return ForwardAuth(spoke, port, _route_path(value.get("path", "/"), (*path, "path")), tuple(headers))


def _headers(value: Any, path: Path) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    for name, content in _map(value, path, "headers: {X-Robots-Tag: noindex}").items():
        if not _HEADER.match(name):
            raise Malformed(path, f"`{name}` is not the name of a header")
        if content is not None and (not isinstance(content, str) or not _HEADER_VALUE.match(content)):
            hint = "plain text without braces and backticks, in quotes; nothing takes the header away"
            raise Malformed((*path, name), f"`{name}` cannot have this value", hint)
    return tuple((name, content or "") for name, content in sorted(value.items()))


def _rate(value: Any, path: Path, note: Note) -> RateLimit | None:
    if value is None:
        return None
    given = value if isinstance(value, dict) else {"rate": value}
    _known(given, ("rate", "burst"), path, note)
    match = _RATE.match(str(given.get("rate")))
    if match is None:
        raise Malformed(path, "`rate_limit` is a number per s, m or h", "rate_limit: 100/m")
    requests = int(match[1])
    burst = given.get("burst", requests)
    if not isinstance(burst, int) or isinstance(burst, bool) or burst < 1:
        raise Malformed((*path, "burst"), "`burst` must be a number of requests")
    return RateLimit(requests, _SECONDS[match[2]], burst)


def _size(value: Any, path: Path) -> int:
    match = _SIZE.match(str(value))
    if match is None or isinstance(value, bool):
        raise Malformed(path, f"`{path[-1]}` is a number of bytes", f"{path[-1]}: 10m")
    return int(match[1]) * _BYTES[match[2].lower()]


def _span(value: Any, path: Path) -> int:
    match = _SPAN.match(str(value))
    if match is None or isinstance(value, bool) or int(match[1]) < 1:
        raise Malformed(path, f"`{path[-1]}` is a time in whole seconds, minutes or hours", "10s")
    return int(match[1]) * _SECONDS[match[2]]


def _probe(value: Any, path: Path, note: Note) -> Probe | None:
    if value is None:
        return None
    given = {"path": value} if isinstance(value, str) else value
    given = _map(given, path, "health: {path: /health, interval: 10s, timeout: 3s}")
    _known(given, ("path", "interval", "timeout"), path, note)
    return Probe(
        _route_path(given.get("path"), (*path, "path")),
        *(
            _span(given.get(key, default), (*path, key))
            for key, default in (("interval", Probe.interval), ("timeout", Probe.timeout))
        ),
    )


def _websockets(value: Any, path: Path) -> int | None:
    if value is None or value is False:
        return None
    return 0 if value is True else _span(value, path)
