"""Rules about the labels that a spoke writes for Traefik: what it would drop, or read otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackctl.findings import Finding
from stackctl.lint.label_keys import unknown_to_traefik
from stackctl.lint.labels import Named, at_container, at_service, named, of_section, of_traefik, told
from stackctl.lint.settings import has_provider, of_traefiks
from stackctl.model import Stack

_ONE_ARGUMENT = re.compile(
    r"\b(Host|HostSNI|HostRegexp|HostSNIRegexp|Path|PathPrefix|PathRegexp|Method|ClientIP)\s*\(([^)]*)\)",
    re.I,
)
_QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"")
_OLD_PATTERN = re.compile(r"\{[A-Za-z_][A-Za-z0-9_]*:")
_GONE = re.compile(r"\b(HostHeader|Headers|HeadersRegexp)\s*\(")
_PREFIX = re.compile(r"\bPathPrefix\s*\(\s*[`\"]([^`\"]+)[`\"]\s*\)", re.I)
_PATHS = re.compile(r"\bPath(?:Prefix)?\s*\(\s*[`\"]([^`\"]+)[`\"]\s*\)", re.I)


def labels_are_enabled(stack: Stack) -> Iterator[Finding]:
    """SC310: what is labelled for Traefik is also shown to it."""
    shy = any(s.rendered or s.get("providers.docker.exposedbydefault") == "false" for s in of_traefiks(stack))
    for spoke in stack.spokes:
        labels = of_traefik(spoke)
        routed = [label for label in labels if re.match(r"traefik\.(?:http|tcp|udp)\.", label.key)]
        stated = any(label.key == "traefik.enable" for label in labels)
        if shy and routed and not spoke.routes and not stated:
            message = f'{spoke.name} has labels for Traefik, but not `traefik.enable: "true"`'
            yield told("SC310", spoke, routed[0].path, message)


def networks_are_chosen(stack: Stack) -> Iterator[Finding]:
    """SC312, SC313: of several networks, the one that the edge shares is named as the Engine knows it."""
    edges = of_traefiks(stack)
    vague = any(not s.rendered and not s.get("providers.docker.network") for s in edges)
    for spoke in stack.spokes:
        labels = of_traefik(spoke)
        chosen = [
            label for label in labels if label.key in ("traefik.docker.network", "traefik.swarm.network")
        ]
        if len(spoke.networks) > 1 and not chosen and vague and (labels or spoke.routes):
            message = (
                f"{spoke.name} sits on {len(spoke.networks)} networks, and nothing says which one to use"
            )
            path = labels[0].path if labels else ("networks",)
            yield told("SC312", spoke, path, message)
        real = {stack.network_name(name): name for name in spoke.networks if name in stack.networks}
        for label in chosen:
            if label.value not in real and "$" not in label.value:
                known = label.value in stack.networks
                hint = f"write `{stack.network_name(label.value)}`" if known else ""
                message = f"`{label.value}` is no network of {spoke.name} on the Engine"
                yield told(
                    "SC313", spoke, label.path, message, hint or f"write {' or '.join(map(repr, real))}"
                )


def edges_reach_what_they_route(stack: Stack) -> Iterator[Finding]:
    """SC314: an edge and a spoke that it routes to share a network."""
    edges = [spoke for settings in of_traefiks(stack) for spoke in (settings.edge,)]
    for spoke in stack.spokes:
        path = ("route",) if spoke.routes else next((r.first.path for r in _routers(stack, spoke.name)), None)
        if path is None or spoke in edges or "network_mode" in spoke.service:
            continue
        for edge in edges:
            if "network_mode" not in edge.service and not set(spoke.networks) & set(edge.networks):
                message = f"{spoke.name} shares no network with {edge.name}, which is to route to it"
                yield told("SC314", spoke, path, message)


def _routers(stack: Stack, spoke: str) -> tuple[Named, ...]:
    return tuple(r for r in named(stack, stack.spoke(spoke)) if r.section == "routers")


def ports_are_known(stack: Stack) -> Iterator[Finding]:
    """SC315, SC316: a port that is stated, and that the spoke says elsewhere too."""
    for spoke in stack.spokes:
        items = named(stack, spoke)
        services = [i for i in items if i.section == "services" and "loadbalancer.server.port" in i.labels]
        exposed = {str(port).partition("/")[0] for port in spoke.service.get("expose") or ()}
        exposed |= {str(port.target) for port in spoke.ports} | {str(route.port) for route in spoke.routes}
        for service in services:
            label = service.labels["loadbalancer.server.port"]
            if label.path and exposed and label.value not in exposed and "$" not in label.value:
                states = ", ".join(sorted(exposed))
                message = f"`{label.value}` is none of the ports that {spoke.name} states ({states})"
                yield told("SC315", spoke, label.path, message)
        routers = [i for i in items if i.section == "routers" and i.first.path and i.protocol == "http"]
        others = [i for i in items if i.section == "services" and "loadbalancer.server.url" in i.labels]
        internal = [r for r in routers if r.value("service").endswith("@internal")]
        if routers and not services and not others and not exposed and len(internal) < len(routers):
            message = f"no port is stated for {spoke.name}"
            yield told("SC316", spoke, routers[0].first.path, message)


def routers_name_their_service(stack: Stack) -> Iterator[Finding]:
    """SC317: with several services in one container, each router says which is its own."""
    for spoke in stack.spokes:
        items = named(stack, spoke)
        for protocol in ("http", "tcp", "udp"):
            services = [i.name for i in items if (i.protocol, i.section) == (protocol, "services")]
            for router in items:
                if (router.protocol, router.section) != (protocol, "routers") or not router.first.path:
                    continue
                if len(services) > 1 and not router.value("service"):
                    message = f"the router `{router.name}` could belong to {' or '.join(services)}"
                    hint = f"add `traefik.{protocol}.routers.{router.name}.service`"
                    yield told("SC317", spoke, router.first.path, message, hint)


def keys_exist(stack: Stack) -> Iterator[Finding]:
    """SC318: every label is one that Traefik knows."""
    for spoke in stack.spokes:
        for label in of_traefik(spoke):
            if (unknown := unknown_to_traefik(label.key)) is not None:
                part, hint = unknown
                message = (
                    f"Traefik knows no `{part or label.key}` in `{label.path[-1]}`, and drops the container"
                )
                yield told("SC318", spoke, label.path, message, hint)


def rules_are_of_this_version(stack: Stack) -> Iterator[Finding]:
    """SC322, SC323: rules in the syntax of Traefik 3, quoted as it wants."""
    for router in of_section(stack, "routers"):
        label = router.labels.get("rule")
        if label is None or not label.path or router.value("rulesyntax").lower() == "v2":
            continue
        several = next(
            (m[1] for m in _ONE_ARGUMENT.finditer(label.value) if len(_QUOTED.findall(m[2])) > 1), ""
        )
        message = f"`{several}` takes one value in Traefik 3" if several else ""
        if _OLD_PATTERN.search(label.value):
            message = "`{name:…}` is a pattern of Traefik 2, and never matches in Traefik 3"
        if gone := _GONE.search(label.value):
            message = f"`{gone[1]}` is a matcher of Traefik 2"
        if message:
            hint = f"write `{several}(…) || {several}(…)`" if several else ""
            yield told("SC322", router.spoke, label.path, message, hint)
        if "'" in _QUOTED.sub("", label.value):
            message = "a single quote in a rule: Traefik refuses the router"
            yield told("SC323", router.spoke, label.path, message)


def tls_fits_its_entry_point(stack: Stack) -> Iterator[Finding]:
    """SC327: a router with TLS listens where TLS is spoken, and one without does not."""
    for settings in of_traefiks(stack):
        ports = {"web": 80, "websecure": 443} if settings.rendered else settings.ports()
        for router in of_section(stack, "routers", "http"):
            if not router.first.path or not router.entry_points:
                continue
            secure = "tls" in router.labels and router.value("tls").lower() != "false"
            secure |= any(option.startswith("tls.") for option in router.labels)
            at_tls = [n for n in router.entry_points if ports.get(n) in (443, 8443)]
            of_entry = [
                n
                for n in at_tls
                if settings.get(f"entrypoints.{n}.http.tls") or settings.below(f"entrypoints.{n}.http.tls")
            ]
            plain = [n for n in router.entry_points if ports.get(n) in (80, 8080)]
            path = router.labels.get("entrypoints", router.first).path or router.first.path
            if secure and len(plain) == len(router.entry_points):
                message = f"the router `{router.name}` speaks TLS, but listens on {', '.join(plain)} alone"
                yield told(
                    "SC327", router.spoke, path, message, "add the entry point for TLS, or take `tls` away"
                )
            elif not secure and at_tls and not of_entry:
                message = (
                    f"the router `{router.name}` has no `tls`, so nothing on {', '.join(at_tls)} reaches it"
                )
                yield told("SC327", router.spoke, path, message)


def http_is_not_forgotten(stack: Stack) -> Iterator[Finding]:
    """SC328: beside a TCP or UDP label, HTTP needs a router of its own."""
    for spoke in stack.spokes:
        items = named(stack, spoke)
        http = [i for i in items if i.protocol == "http" and i.section != "routers" and i.first.path]
        others = any(i.protocol != "http" for i in items)
        if others and http and not any(i.protocol == "http" and i.section == "routers" for i in items):
            message = f"{spoke.name} has labels for TCP or UDP, so Traefik makes no HTTP router by itself"
            yield told("SC328", spoke, http[0].first.path, message)


def prefixes_end(stack: Stack) -> Iterator[Finding]:
    """SC329: `/agent/1` does not take `/agent/10`."""
    rules = [(r, r.labels["rule"]) for r in of_section(stack, "routers", "http") if "rule" in r.labels]
    paths = {path for _, label in rules for path in _PATHS.findall(label.value)}
    paths |= {route.path for spoke in stack.spokes for route in spoke.routes}
    for router, label in rules:
        for prefix in _PREFIX.findall(label.value) if label.path else ():
            longer = sorted(
                p for p in paths if p.startswith(prefix) and not p.startswith(f"{prefix}/") and p != prefix
            )
            if not prefix.endswith("/") and (longer or prefix[-1].isdecimal()):
                taken = longer[0] if longer else f"{prefix}0"
                message = f"PathPrefix(`{prefix}`) also takes {taken}"
                hint = f"write (Path(`{prefix}`) || PathPrefix(`{prefix}/`))"
                yield told("SC329", router.spoke, label.path, message, hint)


def swarm_looks_elsewhere(stack: Stack) -> Iterator[Finding]:
    """SC330, SC331: a Swarm's labels stand under `deploy`, and are of one family."""
    swarm = any(has_provider(settings, "swarm") for settings in of_traefiks(stack))
    for spoke in stack.spokes:
        own = [label for label in at_container(spoke) if re.match(r"traefik\.(?:http|tcp|udp)\.", label.key)]
        deployed = [label for label in at_service(spoke) if label.key.startswith("traefik.")]
        if swarm and own and not deployed:
            message = f"the labels of {spoke.name} are on the container, where the Swarm provider never looks"
            yield told("SC330", spoke, own[0].path, message)
        families = {label.key.split(".")[1]: label for label in of_traefik(spoke)}
        if "docker" in families and "swarm" in families:
            message = (
                f"{spoke.name} has `traefik.docker.…` and `traefik.swarm.…`: Traefik skips such a service"
            )
            yield told("SC331", spoke, families["docker"].path, message)


RULES = (
    labels_are_enabled,
    networks_are_chosen,
    edges_reach_what_they_route,
    ports_are_known,
    routers_name_their_service,
    keys_exist,
    rules_are_of_this_version,
    tls_fits_its_entry_point,
    http_is_not_forgotten,
    prefixes_end,
    swarm_looks_elsewhere,
)
