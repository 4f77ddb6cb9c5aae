"""Requests that try to get past a filter, as data: what is sent, and what may arrive at the most.

Standard library only, so that the same data serves a prober inside a container.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Trick:
    """The bytes of one connection. `{agent}` was filled in, so that what arrives can be told apart."""

    name: str
    raw: bytes
    arrives: tuple[str, ...] = ()
    """`METHOD target` of what an exact filter may let arrive; everything else is a leak."""
    answers: int = 1
    """How many answers a filter that refuses nothing by closing would give."""


# Each is read as the target itself by some server between a client and the Engine's router.
_SPELLINGS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("double slash", lambda t: "/" + t),
    ("double slash inside", lambda t: t[0] + t[1:].replace("/", "//", 1)),
    ("dot segment", lambda t: "/." + t),
    ("dot segment inside", lambda t: t[0] + t[1:].replace("/", "/./", 1)),
    ("dot segments up", lambda t: "/x/.." + t),
    ("encoded dot segments up", lambda t: "/x/%2e%2e" + t),
    ("encoded slash and dot segments", lambda t: "/x%2f.." + t),
    ("dot segments up from the version", lambda t: "/v1.41/.." + t),
    ("encoded first slash", lambda t: "/%2f" + t[1:]),
    ("encoded slash", lambda t: t[0] + t[1:].replace("/", "%2f", 1)),
    ("encoded slash, upper case", lambda t: t[0] + t[1:].replace("/", "%2F", 1)),
    ("encoded letter", lambda t: f"/%{ord(t[1]):02x}{t[2:]}"),
    ("encoded last letter", lambda t: f"{t[:-1]}%{ord(t[-1]):02x}"),
    ("encoded twice", lambda t: f"/%25{ord(t[1]):02x}{t[2:]}"),
    ("upper case", str.upper),
    ("one letter in upper case", lambda t: t[:-1] + t[-1].upper()),
    ("trailing slash", lambda t: t + "/"),
    ("trailing dot", lambda t: t + "/."),
    ("trailing letter", lambda t: t + "x"),
    ("a segment more", lambda t: t + "/x"),
    ("semicolon", lambda t: t + ";x=1"),
    ("encoded question mark", lambda t: t + "%3fx=1"),
    ("encoded end of line", lambda t: t + "%0a"),
    ("encoded zero byte", lambda t: t + "%00"),
    ("encoded space", lambda t: t + "%20"),
    ("cut escape", lambda t: t + "%2"),
    ("backslash", lambda t: "/\\" + t[1:]),
    ("fragment", lambda t: t + "#x"),
    ("fragment after the query", lambda t: t + "?x=1#y"),
    ("version without minor", lambda t: "/v1" + t),
    ("version of three numbers", lambda t: "/v1.41.0" + t),
    ("version with dots only", lambda t: "/v..." + t),
    ("version of four digits", lambda t: "/v1.4100" + t),
    ("version with a letter", lambda t: "/v1.x" + t),
    ("version in upper case", lambda t: "/V1.41" + t),
    ("version twice", lambda t: "/v1.41/v1.41" + t),
    ("version without slash", lambda t: "/v1.41" + t[1:]),
    ("libpod", lambda t: "/v4.0.0/libpod" + t),
    ("absolute form", lambda t: "http://docker" + t),
    ("absolute form, upper case", lambda t: "HTTP://docker" + t),
    ("absolute form of a socket", lambda t: "unix://docker" + t),
    ("absolute form with a user", lambda t: "http://a:b@docker" + t),
    ("no first slash", lambda t: t[1:]),
)


def spellings(target: str) -> tuple[tuple[str, str], ...]:
    """Names and targets: every unclean way to write this one. An exact filter refuses them all."""
    return tuple((name, spelled) for name, spell in _SPELLINGS if (spelled := spell(target)) != target)


def smuggled(allowed: str, refused: str) -> tuple[tuple[str, str], ...]:
    """Names and targets: the refused target joined to the allowed one, so that the wrong part is compared."""
    return (
        ("up from what is allowed", f"{allowed}/..{refused}"),
        ("up twice from what is allowed", f"{allowed}/../..{refused}"),
        ("up from what is allowed, encoded", f"{allowed}/%2e%2e{refused}"),
        ("up from what is allowed, all encoded", f"{allowed}%2f..%2f{refused[1:]}"),
        ("behind what is allowed", f"{allowed}{refused}"),
        ("before what is allowed", f"{refused}?{allowed}"),
        ("before the fragment of what is allowed", f"{refused}#{allowed}"),
        ("before what is allowed, encoded", f"{refused}%3f{allowed}"),
        ("as the host of an absolute form", f"http:/{allowed}{refused}"),
    )


def tricks(allowed: str, refused: str, agent: str) -> tuple[Trick, ...]:
    """Everything that is more than a spelling: protocol versions, bodies, upgrades, two requests in one.

    `allowed` and `refused` are targets of which GET passes and does not pass.
    """
    host = f"Host: docker\r\nUser-Agent: {agent}\r\n"
    canonical = (f"GET {allowed}",)

    def get(
        target: str, *headers: str, method: str = "GET", version: str = "HTTP/1.1", body: str = ""
    ) -> str:
        lines = "".join(f"{header}\r\n" for header in headers)
        return f"{method} {target} {version}\r\n{host}{lines}\r\n{body}"

    def trick(name: str, text: str, *arrives: str, answers: int = 1) -> Trick:
        return Trick(name, text.encode("latin-1"), arrives, answers)

    hidden = get(refused)
    websocket = ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    upgrade = "Connection: Upgrade"
    return (
        trick("HTTP/1.0", get(allowed, version="HTTP/1.0")),
        trick("HTTP/0.9", f"GET {allowed}\r\n"),
        trick("HTTP/1.2", get(allowed, version="HTTP/1.2")),
        trick("HTTP/2.0 on one line", get(allowed, version="HTTP/2.0")),
        trick("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
        trick("TLS hello", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n"),
        *(
            trick(f"method {method}", get(allowed, method=method))
            for method in ("OPTIONS", "TRACE", "PATCH", "PROPFIND", "get", "Get", "POST", "PUT", "DELETE")
        ),
        trick("CONNECT", get("docker:2375", method="CONNECT")),
        trick("OPTIONS of everything", get("*", method="OPTIONS")),
        trick("another method in a header", get(refused, "X-HTTP-Method-Override: GET")),
        trick(
            "another target in a header",
            get(refused, f"X-Original-URL: {allowed}", f"X-Rewrite-URL: {allowed}"),
        ),
        trick(
            "a method in a header of what is allowed",
            get(allowed, "X-HTTP-Method-Override: DELETE"),
            *canonical,
        ),
        trick("pipelined", get(allowed) + hidden, *canonical, answers=2),
        trick("pipelined behind a refusal", hidden + hidden, answers=2),
        trick(
            "length and chunks",
            get(allowed, "Content-Length: 4", "Transfer-Encoding: chunked", body="0\r\n\r\n" + hidden),
        ),
        trick(
            "chunks and length",
            get(allowed, "Transfer-Encoding: chunked", "Content-Length: 6", body="0\r\n\r\n" + hidden),
        ),
        trick("chunks", get(allowed, "Transfer-Encoding: chunked", body="0\r\n\r\n")),
        trick("chunks by another name", get(allowed, "Transfer-Encoding: xchunked", body=hidden)),
        trick("chunks of identity", get(allowed, "Transfer-Encoding: identity, chunked", body="0\r\n\r\n")),
        trick(
            "chunks with a space before the colon",
            get(allowed, "Transfer-Encoding : chunked", body="0\r\n\r\n" + hidden),
        ),
        trick(
            "chunks in a folded line",
            get(allowed, "Transfer-Encoding:", " chunked", body="0\r\n\r\n" + hidden),
        ),
        trick("a body", get(allowed, "Content-Length: 2", body="{}")),
        trick("a request as body", get(allowed, f"Content-Length: {len(hidden)}", body=hidden)),
        trick(
            "two lengths", get(allowed, "Content-Length: 0", f"Content-Length: {len(hidden)}", body=hidden)
        ),
        trick("a list of lengths", get(allowed, f"Content-Length: 0, {len(hidden)}", body=hidden)),
        trick("a negative length", get(allowed, "Content-Length: -1")),
        trick("a signed length", get(allowed, "Content-Length: +0")),
        trick("expecting to continue", get(allowed, "Expect: 100-continue", "Content-Length: 2", body="{}")),
        trick("websocket", get(allowed, upgrade, "Upgrade: websocket", *websocket)),
        trick("upgrade to tcp", get(allowed, upgrade, "Upgrade: tcp")),
        trick(
            "upgrade to h2c",
            get(
                allowed,
                "Connection: Upgrade, HTTP2-Settings",
                "Upgrade: h2c",
                "HTTP2-Settings: AAMAAABkAARAAAAA",
            ),
        ),
        trick("upgrade to two", get(allowed, upgrade, "Upgrade: tcp, h2c")),
        trick("two upgrades", get(allowed, upgrade, "Upgrade: tcp", "Upgrade: h2c")),
        trick("settings of HTTP/2", get(allowed, "HTTP2-Settings: AAMAAABkAARAAAAA")),
        # Some parsers drop a header that the connection does not announce; then what is left is clean.
        trick("upgrade without connection", get(allowed, "Upgrade: tcp"), *canonical),
        trick("a connection that names other headers", get(allowed, "Connection: close, User-Agent")),
        trick("two hosts", get(allowed, "Host: other")),
        trick("no host", f"GET {allowed} HTTP/1.1\r\nUser-Agent: {agent}\r\n\r\n", *canonical),
        trick("two spaces", get(" " + allowed), *canonical),
        trick("a tab for a space", f"GET\t{allowed} HTTP/1.1\r\n{host}\r\n", *canonical),
        trick("a space in the target", get(allowed + " x")),
        trick("an empty line first", "\r\n" + get(allowed), *canonical),
        trick("bare line feeds", get(allowed).replace("\r\n", "\n"), *canonical),
        trick("bare carriage returns", get(allowed).replace("\r\n", "\r") + "\r\n\r\n"),
        trick("a folded header", get(allowed, "X-A: b", " c"), *canonical),
        trick("a zero byte in a header", get(allowed, "X-A: b\x00c"), *canonical),
        trick("a zero byte in the target", get(allowed + "\x00")),
        trick("a byte above ASCII in the target", get(allowed + "\xe9")),
        trick("a request in a header", get(allowed, f"X-A: b\rGET {refused} HTTP/1.1"), *canonical),
        trick("a long header", get(allowed, "X-A: " + "a" * 40_000)),
    )
