"""Rules about an edge that a spoke configures by hand: what it opens, and what cannot work."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from stackctl.edge import traefik
from stackctl.findings import Finding
from stackctl.lint.edges import is_private
from stackctl.lint.labels import of_section, told
from stackctl.lint.settings import (
    Settings,
    by_hand,
    has_provider,
    is_traefik,
    of_traefiks,
    only_inside,
    published,
)
from stackctl.model import Kind, Mount, Path, Spoke, Stack
from stackctl.read.images import split_image

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_EVERYONE = ("0.0.0.0/0", "::/0")
_LONG = 100 * 1024 * 1024
"""Bytes that take some connections longer than a minute to send."""


def _at(settings: Settings, *names: str) -> Path:
    """Where the first of these settings stands."""
    for name in names:
        for key, setting in settings.known.items():
            if key == name or key.startswith(f"{name}."):
                return setting.path
    return ("command",) if settings.edge.service.get("command") else ("image",)


def only_what_is_shown_is_routed(stack: Stack) -> Iterator[Finding]:
    """SC311: containers are routed because they say so."""
    for settings in by_hand(stack):
        if not settings.readable or not has_provider(settings, "docker"):
            continue
        if settings.get("providers.docker.exposedbydefault") != "false":
            message = f"{settings.edge.name} routes to every container on this Engine"
            yield told("SC311", settings.edge, _at(settings, "providers.docker"), message)


def networks_of_edges_are_real(stack: Stack) -> Iterator[Finding]:
    """SC313: the edge's own network is named as the Engine knows it."""
    for settings in by_hand(stack):
        real = {stack.network_name(n): n for n in settings.edge.networks if n in stack.networks}
        for name in ("providers.docker.network", "providers.swarm.network"):
            value = settings.get(name)
            if value and value not in real and "$" not in value:
                hint = f"write `{stack.network_name(value)}`" if value in stack.networks else ""
                message = f"`{value}` is no network of {settings.edge.name} on the Engine"
                yield told("SC313", settings.edge, _at(settings, name), message, hint)


def certificates_are_kept(stack: Stack) -> Iterator[Finding]:
    """SC340, SC341: the storage of certificates outlives the container, and nobody else reads it."""
    for settings in by_hand(stack):
        for resolver in settings.names("certificatesresolvers"):
            at = f"certificatesresolvers.{resolver}.acme"
            storage = settings.get(f"{at}.storage") or "acme.json"
            path = posixpath.join("/", storage)
            mount = _mount_of(settings.edge, path)
            if mount is None:
                message = (
                    f"the certificates of `{resolver}` are kept in the container: {path} is on no volume"
                )
                yield told("SC341", settings.edge, _at(settings, f"{at}.storage", at), message)
            elif (
                mount[1].type == "bind"
                and mount[1].target == path
                and not mount[1].source.startswith(("/", "~"))
            ):
                message = f"`{mount[1].source}` holds private keys, and git does not keep its mode 600"
                yield told("SC340", settings.edge, ("volumes", str(mount[0])), message)


def _mount_of(spoke: Spoke, path: str) -> tuple[int, Mount] | None:
    for number, mount in enumerate(spoke.mounts):
        target = mount.target.rstrip("/")
        if mount.type in ("bind", "volume") and (path == target or path.startswith(f"{target}/")):
            return number, mount
    return None


def challenges_arrive(stack: Stack) -> Iterator[Finding]:
    """SC343: who issues a certificate asks at a port that the edge has."""
    for settings in by_hand(stack):
        for resolver in settings.names("certificatesresolvers"):
            at = f"certificatesresolvers.{resolver}.acme"
            wanted = []
            if settings.below(f"{at}.httpchallenge"):
                entry = settings.get(f"{at}.httpchallenge.entrypoint")
                wanted.append(("80", settings.ports().get(entry.lower(), 80), f"{at}.httpchallenge"))
            if settings.is_on(f"{at}.tlschallenge") or settings.below(f"{at}.tlschallenge"):
                port = next((p for p in settings.ports().values() if p in (443, 8443)), 443)
                wanted.append(("443", port, f"{at}.tlschallenge"))
            for outside, inside, name in wanted:
                if outside not in published(settings.edge, inside):
                    message = f"`{resolver}` is asked on port {outside}, which is not published"
                    yield told("SC343", settings.edge, _at(settings, name), message)


def private_names_have_no_public_certificate(stack: Stack) -> Iterator[Finding]:
    """SC342: nobody signs for names that only exist here."""
    by_default = {
        n
        for s in by_hand(stack)
        for n in s.names("entrypoints")
        if s.get(f"entrypoints.{n}.http.tls.certresolver")
    }
    for router in of_section(stack, "routers", "http"):
        resolver = router.labels.get("tls.certresolver")
        if not router.first.path or not (resolver or by_default & set(router.entry_points)):
            continue
        for host in re.findall(r"Host\(\s*[`\"]([^`\"]+)[`\"]", router.value("rule"), re.I):
            if is_private(host):
                message = f"no public authority signs for {host}"
                yield told(
                    "SC342", router.spoke, (resolver or router.first).path or router.first.path, message
                )
                break


def redirects_lead_to_the_published_port(stack: Stack) -> Iterator[Finding]:
    """SC344: a redirect to an entry point names its own port, which may not be the published one."""
    for settings in by_hand(stack):
        ports = settings.ports()
        for entry in settings.names("entrypoints"):
            name = f"entrypoints.{entry}.http.redirections.entrypoint.to"
            to = settings.get(name).lower()
            outside = published(settings.edge, ports[to]) if to in ports else ()
            if outside and str(ports[to]) not in outside:
                message = (
                    f"the redirect leads to port {ports[to]}, and {to} is published as {', '.join(outside)}"
                )
                hint = f"write `:{outside[0]}` in place of `{to}`"
                yield told("SC344", settings.edge, _at(settings, name), message, hint)


def forwarded_headers_are_believed_of_few(stack: Stack) -> Iterator[Finding]:
    """SC347: who says where a request came from is somebody known."""
    for settings in by_hand(stack):
        for entry in settings.names("entrypoints"):
            for header in ("forwardedheaders", "proxyprotocol"):
                at = f"entrypoints.{entry}.{header}"
                everyone = set(settings.get(f"{at}.trustedips").replace(" ", "").split(",")) & set(_EVERYONE)
                if settings.is_on(f"{at}.insecure") or everyone:
                    message = f"`{entry}` believes everyone who says where a request came from"
                    yield told("SC347", settings.edge, _at(settings, at), message)


def the_api_is_closed(stack: Stack) -> Iterator[Finding]:
    """SC348: the edge's own API is not open to whoever reaches its port."""
    for settings in by_hand(stack):
        if settings.is_on("api.insecure"):
            port = settings.ports().get("traefik", 8080)
            who = "this host's network" if published(settings.edge, port) else "every container beside it"
            message = f"{settings.edge.name} shows its API and dashboard on port {port}, to {who}"
            yield told("SC348", settings.edge, _at(settings, "api.insecure"), message)


def edges_speak_to_this_engine(stack: Stack) -> Iterator[Finding]:
    """SC350: a Traefik that does not know the Docker API of today's Engines."""
    for spoke in stack.spokes:
        found = _VERSION.match(split_image(spoke.image).tag) if is_traefik(spoke) else None
        if found is None:
            continue
        version = (int(found[1]), int(found[2]), int(found[3]) if found[3] else 10**6)
        if (3, 0, 0) <= version <= (3, 6, 0) or (2, 0, 0) <= version < (2, 11, 31):
            message = f"Traefik {found[0].lstrip('v')} asks for version 1.24 of the Docker API"
            yield told("SC350", spoke, ("image",), message)


def streams_are_not_cut(stack: Stack) -> Iterator[Finding]:
    """SC354: the stream of events has no end."""
    for settings in by_hand(stack):
        for provider in ("docker", "swarm"):
            name = f"providers.{provider}.httpclienttimeout"
            if settings.get(name).strip("0ms. ") != "":
                message = f"{settings.edge.name} loses its stream of events every {settings.get(name)}"
                yield told("SC354", settings.edge, _at(settings, name), message)


def published_ports_can_be_bound(stack: Stack) -> Iterator[Finding]:
    """SC355: a port is published from a network that has a way out."""
    for spoke in stack.spokes:
        if spoke.ports and spoke.kind is not Kind.SOCKET_PROXY and only_inside(stack, spoke):
            message = f"{spoke.name} publishes ports, but each of its networks is internal: none is bound"
            yield told("SC355", spoke, ("ports", "0"), message)


def edges_that_fetch_can_leave(stack: Stack) -> Iterator[Finding]:
    """SC356: who fetches certificates or asks others has a way out."""
    for settings in by_hand(stack):
        if settings.names("certificatesresolvers") and only_inside(stack, settings.edge):
            message = f"{settings.edge.name} fetches certificates, but each of its networks is internal"
            yield told("SC356", settings.edge, _at(settings, "certificatesresolvers"), message)


def endpoints_are_stated_once(stack: Stack) -> Iterator[Finding]:
    """SC357: a variable that silently wins over the setting."""
    for settings in of_traefiks(stack):
        stated = settings.get("providers.docker.endpoint")
        if settings.rendered:
            stated = str(traefik.values(stack)["docker_endpoint"])
        variable = settings.edge.environment.get("DOCKER_HOST")
        if variable and stated and variable != stated:
            message = f"`DOCKER_HOST` wins over `{stated}`, the endpoint that is set"
            yield told("SC357", settings.edge, ("environment", "DOCKER_HOST"), message)


def settings_have_an_effect(stack: Stack) -> Iterator[Finding]:
    """SC366: beside a configuration file, Traefik reads neither flags nor variables."""
    for spoke in stack.spokes:
        if not is_traefik(spoke):
            continue
        mounted = any(
            m.target.rstrip("/") in ("/etc/traefik", "/etc/traefik/traefik.yml") for m in spoke.mounts
        )
        if not (mounted or traefik.is_edge(stack, spoke)):
            continue
        command = spoke.service.get("command") or ()
        flags = [
            w for w in ([command] if isinstance(command, str) else command) if str(w).strip().startswith("--")
        ]
        variables = [name for name in spoke.environment if name.startswith("TRAEFIK_")]
        if flags or variables:
            path = ("command",) if flags else ("environment", variables[0])
            message = f"`{flags[0] if flags else variables[0]}` does nothing: Traefik reads its file alone"
            yield told("SC366", spoke, path, message)


def long_requests_are_not_cut(stack: Stack) -> Iterator[Finding]:
    """SC363: large uploads take longer than the minute that Traefik waits for a request."""
    for settings in by_hand(stack):
        patient = [
            n
            for n in settings.names("entrypoints")
            if settings.get(f"entrypoints.{n}.transport.respondingtimeouts.readtimeout")
        ]
        for item in of_section(stack, "middlewares", "http"):
            label = item.labels.get("buffering.maxrequestbodybytes")
            if label and label.path and label.value.isdecimal() and int(label.value) >= _LONG and not patient:
                message = f"`{item.name}` takes {int(label.value) >> 20} MiB, and the edge waits 60 s for it"
                yield told("SC363", item.spoke, label.path, message)


def health_is_answered(stack: Stack) -> Iterator[Finding]:
    """SC364: `traefik healthcheck` needs the ping that it asks for."""
    for settings in by_hand(stack):
        test = (settings.edge.service.get("healthcheck") or {}).get("test") or ()
        asked = re.search(
            r"traefik\W+healthcheck|/ping\b", " ".join(test) if not isinstance(test, str) else test
        )
        if asked and settings.readable and "ping" not in settings.known and not settings.below("ping"):
            message = f"the healthcheck of {settings.edge.name} asks for a ping that is not switched on"
            yield told("SC364", settings.edge, ("healthcheck",), message)


RULES = (
    only_what_is_shown_is_routed,
    networks_of_edges_are_real,
    certificates_are_kept,
    challenges_arrive,
    private_names_have_no_public_certificate,
    redirects_lead_to_the_published_port,
    forwarded_headers_are_believed_of_few,
    the_api_is_closed,
    edges_speak_to_this_engine,
    streams_are_not_cut,
    published_ports_can_be_bound,
    edges_that_fetch_can_leave,
    endpoints_are_stated_once,
    settings_have_an_effect,
    long_requests_are_not_cut,
    health_is_answered,
)
