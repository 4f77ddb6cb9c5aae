"""Rules about Caddy as an edge: labels for caddy-docker-proxy, its settings, and what it keeps."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from stackctl.findings import Finding
from stackctl.lint.label_keys import unknown_to_caddy
from stackctl.lint.labels import Label, of_caddy, told
from stackctl.lint.settings import is_caddy, is_docker_proxy
from stackctl.model import Edge, Path, Spoke, Stack

_UPSTREAMS = re.compile(r"\{\{\s*upstreams(?:\s+(?:https?|h2c))?(?:\s+[0-9]+)?\s*\}\}")
_PROXY = re.compile(r"caddy(?:_[0-9]+)?\.(?:[0-9]+_)?reverse_proxy(?:_[0-9]+)?\Z")
_CLOSE_DELAY = re.compile(r"caddy(?:_[0-9]+)?\..*reverse_proxy(?:_[0-9]+)?\.stream_close_delay\Z")
_SITE = re.compile(r"caddy(?:_[0-9]+)?\Z")
_ADMIN = re.compile(r"^\s*admin\s+(\S+)", re.MULTILINE)
_LOOPBACK = re.compile(r"(?:tcp/)?(?:localhost|127\.[0-9.]+|\[?::1\]?)(?::[0-9]+)?\Z|unix/|off\Z")


def words_exist(stack: Stack) -> Iterator[Finding]:
    """SC365: every directive is one that Caddy knows, and no text runs as a template."""
    for spoke in stack.spokes:
        for label in of_caddy(spoke):
            if (unknown := unknown_to_caddy(label.key)) is not None:
                message = f"Caddy knows no `{unknown[0]}`, and caddy-docker-proxy drops the whole site"
                yield told("SC365", spoke, label.path, message, unknown[1])


def templates_are_known(stack: Stack) -> Iterator[Finding]:
    """SC367: what stands between two braces runs in the edge."""
    for spoke in stack.spokes:
        for label in of_caddy(spoke):
            if "{{" in _UPSTREAMS.sub("", label.value):
                message = f"`{label.key}` holds a template, which the edge would run"
                yield told("SC367", spoke, label.path, message)


def networks_are_real(stack: Stack) -> Iterator[Finding]:
    """SC345: a network for Caddy is named as the Engine knows it."""
    for spoke in stack.spokes:
        stated: list[tuple[str, Path]] = [
            (label.value, label.path) for label in of_caddy(spoke) if label.key == "caddy_ingress_network"
        ]
        if is_docker_proxy(spoke):
            names = spoke.environment.get("CADDY_INGRESS_NETWORKS") or ""
            stated += [
                (n.strip(), ("environment", "CADDY_INGRESS_NETWORKS")) for n in names.split(",") if n.strip()
            ]
        real = {stack.network_name(name) for name in spoke.networks if name in stack.networks}
        for value, path in stated:
            if value not in real and "$" not in value:
                hint = f"write `{stack.network_name(value)}`" if value in stack.networks else ""
                yield told(
                    "SC345", spoke, path, f"`{value}` is no network of {spoke.name} on the Engine", hint
                )


def ingress_networks_are_stated(stack: Stack) -> Iterator[Finding]:
    """SC358: caddy-docker-proxy is told its networks, as it cannot always find itself."""
    for spoke in stack.spokes:
        by_hand = is_docker_proxy(spoke) and stack.edge is not Edge.CADDY
        if by_hand and "CADDY_INGRESS_NETWORKS" not in spoke.environment:
            message = f"{spoke.name} must find its own container to learn its networks"
            hint = f"CADDY_INGRESS_NETWORKS: {stack.name}_proxy"
            yield told("SC358", spoke, ("environment",), message, hint)


def sites_are_not_mixed(stack: Stack) -> Iterator[Finding]:
    """SC359: two spokes of one site do not become one load balancer."""
    first: dict[str, Spoke] = {}
    for spoke in stack.spokes:
        labels = of_caddy(spoke)
        for site in (label for label in labels if _SITE.fullmatch(label.key)):
            bare = [
                label
                for label in labels
                if _PROXY.fullmatch(label.key) and label.key.startswith(f"{site.key}.") and _bare(label)
            ]
            for host in site.value.split(",") if bare else ():
                before = first.setdefault(host.strip(), spoke)
                if before is not spoke:
                    message = f"{host.strip()} is a site of {before.name} too: each gets half of the requests"
                    yield told("SC359", spoke, site.path, message)


def _bare(label: Label) -> bool:
    """Whether it takes all requests of its site: no matcher stands before the upstreams."""
    return not label.value.lstrip().startswith(("/", "@", "*/"))


def administration_stays_inside(stack: Stack) -> Iterator[Finding]:
    """SC360: whoever reaches Caddy's administration controls it."""
    for spoke in stack.spokes:
        if not is_caddy(spoke):
            continue
        stated: list[tuple[str, Path]] = [
            (spoke.environment.get("CADDY_ADMIN") or "", ("environment", "CADDY_ADMIN"))
        ]
        stated += [(label.value, label.path) for label in of_caddy(spoke) if label.key == "caddy.admin"]
        stated += [
            (value, ("volumes", str(n)))
            for n, text in _caddyfiles(stack, spoke)
            for value in _ADMIN.findall(text)
        ]
        for value, path in stated:
            if value and not _LOOPBACK.match(value) and "$" not in value:
                message = f"{spoke.name} is administered at `{value}`, by every container beside it"
                yield told("SC360", spoke, path, message)


def _caddyfiles(stack: Stack, spoke: Spoke) -> Iterator[tuple[int, str]]:
    for number, mount in enumerate(spoke.mounts):
        source = mount.source.removeprefix("./").rstrip("/")
        for path, content in stack.files.items():
            mounted = mount.type == "bind" and (path == source or path.startswith(f"{source}/"))
            if mounted and posixpath.basename(path).startswith("Caddyfile"):
                yield number, content.decode(errors="replace")


def certificates_on_demand_are_asked_for(stack: Stack) -> Iterator[Finding]:
    """SC361: somebody says for which names a certificate may be fetched."""
    asks = any(
        re.search(r"on_demand_tls\.(?:ask|permission)", label.key)
        for spoke in stack.spokes
        for label in of_caddy(spoke)
    )
    for spoke in stack.spokes:
        for label in of_caddy(spoke):
            if re.search(r"\.tls\.on_demand\Z", label.key) and not asks:
                message = f"{spoke.name} fetches a certificate for whatever name a client asks for"
                yield told("SC361", spoke, label.path, message)


def streams_outlive_reloads(stack: Stack) -> Iterator[Finding]:
    """SC362: websockets are not closed whenever some label changes."""
    for spoke in stack.spokes:
        labels = of_caddy(spoke)
        proxies = [label for label in labels if _PROXY.fullmatch(label.key)]
        if proxies and not any(_CLOSE_DELAY.fullmatch(label.key) for label in labels):
            message = f"each change of any label closes the websockets of {spoke.name}"
            hint = f"{proxies[0].key}.stream_close_delay: 5m"
            yield told("SC362", spoke, proxies[0].path, message, hint)


def certificates_are_kept(stack: Stack) -> Iterator[Finding]:
    """SC341: Caddy's certificates and keys outlive its container."""
    for spoke in stack.spokes:
        kept = any(m.target.rstrip("/") in ("/data", "/data/caddy") for m in spoke.mounts)
        if is_caddy(spoke) and stack.edge is not Edge.CADDY and not kept:
            message = f"the certificates of {spoke.name} are kept in the container: /data is on no volume"
            yield told("SC341", spoke, ("volumes",), message, "mount a volume at /data")


RULES = (
    words_exist,
    templates_are_known,
    networks_are_real,
    ingress_networks_are_stated,
    sites_are_not_mixed,
    administration_stays_inside,
    certificates_on_demand_are_asked_for,
    streams_outlive_reloads,
    certificates_are_kept,
)
