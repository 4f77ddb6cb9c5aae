"""What a container's labels route without a login before it, as places; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Labels = Mapping[str, Any]

BY_DEFAULT = "by the edge's default rule"

_ROUTER = re.compile(r"traefik\.(http|tcp)\.routers\.([^.]+)\.rule", re.IGNORECASE)
_AUTH = re.compile(r"traefik\.http\.middlewares\.([^.]+)\.(?:basic|digest|forward)auth\.", re.IGNORECASE)
_LOGIN = re.compile(
    r"(?:(?:basic|digest|forward|o)[-_]?)?auth|authelia|authentik|keycloak|login|oauth2(?:[-_]proxy)?|oidc|sso"
)
_SITE = re.compile(r"caddy(?:_[0-9]+)?")
_NUMBERS = re.compile(r"\A[0-9]+_|_[0-9]+\Z")
_SERVES = frozenset({"reverse_proxy", "php_fastcgi", "file_server", "respond"})
_ASKS = frozenset({"basic_auth", "basicauth", "forward_auth"})
_BLOCKS = frozenset({"handle", "handle_path", "route"})


_TRUTH = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
"""How Go, and so Traefik, spells them."""


def enabled(labels: Labels) -> bool | None:
    """Whether the labels show their container to Traefik; None where they do not say."""
    stated = (value for name, value in labels.items() if name.lower() == "traefik.enable")
    return _TRUTH.get(str(next(stated, "")))


def without_login(labels: Labels) -> Iterator[str]:
    """Host names with paths, and other words for what is not one."""
    yield from _of_traefik(labels)
    yield from _of_caddy({key: str(value) for key, value in labels.items() if key.startswith("caddy")})


def _of_traefik(labels: Labels) -> Iterator[str]:
    if enabled(labels) is False:
        return
    guards = {match[1].lower() for name in labels if (match := _AUTH.match(name))}
    found = False
    for name, rule in labels.items():
        if match := _ROUTER.fullmatch(name):
            found = True
            chain = str(labels.get(f"traefik.{match[1]}.routers.{match[2]}.middlewares") or "")
            if not any(_guards(middleware, guards) for middleware in chain.split(",")):
                yield from _places(str(rule))
    if enabled(labels) and not found:
        yield BY_DEFAULT


def _guards(middleware: str, guards: set[str]) -> bool:
    name, _, provider = middleware.strip().lower().partition("@")
    # What another provider defines is not in sight; a name that says more than that it is a login is none.
    return name in guards or (bool(provider) and bool(_LOGIN.fullmatch(name)))


def _places(rule: str) -> Iterator[str]:
    hosts = re.findall(r"Host\(`([^`]*)`\)", rule)
    path = re.search(r"PathPrefix\(`([^`]*)`\)", rule)
    if rest := re.sub(r"Host\(`[^`]*`\)|Path(?:Prefix)?\(`[^`]*`\)|[|&() ]", "", rule):
        hosts = [rule] if rest else hosts
        path = None
    for host in hosts:
        yield f"{host}{path[1].rstrip('/') if path else ''}"


def _of_caddy(labels: Mapping[str, str]) -> Iterator[str]:
    """Of the sites of caddy-docker-proxy: a key of a label is a path of directives, its value their words."""
    for site in (key for key in labels if _SITE.fullmatch(key)):
        hosts = [re.sub(r"\Ahttps?://", "", host) for host in re.split(r"[,\s]+", labels[site]) if host]
        inside = {key: value for key, value in labels.items() if key.startswith(f"{site}.")}
        for key in inside:
            words = key.split(".")
            serving = next((n for n, word in enumerate(words) if _plain(word) in _SERVES), 0)
            # What stands below is about how it serves.
            if serving != len(words) - 1 or any(_asks(inside, words[:n]) for n in range(1, serving + 1)):
                continue
            path = _path(inside, site, words)
            yield from (f"{host}{path}" for host in hosts)


def _asks(labels: Mapping[str, str], block: list[str]) -> bool:
    """Whether a block has a login for all that is in it, rather than for a part."""
    # What an imported snippet holds is not in sight, so it is none.
    for key in labels:
        words = key.split(".")
        if words[: len(block)] != block or len(words) == len(block):
            continue
        word = _plain(words[len(block)])
        matcher = labels.get(".".join(words[: len(block) + 1]), "")
        if word in _ASKS and not matcher.startswith(("/", "@")):
            return True
    return False


def _path(labels: Mapping[str, str], site: str, words: list[str]) -> str:
    """The path below which a block or directive is for, without its last slash."""
    for end in range(len(words), 1, -1):
        word, matcher = _plain(words[end - 1]), labels.get(".".join(words[:end]), "").partition(" ")[0]
        if word not in _BLOCKS and end != len(words):
            continue
        if matcher.startswith("@"):
            stated = labels.get(f"{site}.{matcher}.path") or labels.get(f"{site}.{matcher}", "")
            matcher = stated.removeprefix("path ").partition(" ")[0]
        if matcher.startswith("/"):
            return matcher.rstrip("*").rstrip("/")
    return ""


def _plain(word: str) -> str:
    """A directive without the numbers that keep equal ones apart and in order."""
    return _NUMBERS.sub("", word)
