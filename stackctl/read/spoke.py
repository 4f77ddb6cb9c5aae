"""One merged half -> a Spoke: kind, image with its digest, networks and routes settled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from stackctl.codes import finding
from stackctl.findings import Finding, Severity
from stackctl.model import PROXY_NETWORK, Hardening, Kind, Path, Protocol, Route, Spoke
from stackctl.read.forms import as_kept
from stackctl.read.images import DIGEST, kind_of, split_image
from stackctl.read.networks import Networks
from stackctl.read.partial import Partial, RouteDraft

# An empty list here overrides the image's own; elsewhere it only says that there is none.
_EMPTY_MEANS_SOMETHING = ("command", "entrypoint")


@dataclass(frozen=True)
class Settled:
    """A spoke without its checks, which need the other spokes."""

    spoke: Spoke
    findings: tuple[Finding, ...]


def with_domain(partial: Partial, domain: str) -> Partial:
    """Host names that are one word stand for a name in the stack's domain."""

    def full(host: str) -> str:
        named = host.removeprefix("*.")
        return host if "." in named or named == "localhost" else f"{host}.{domain}"

    def drafted(route: RouteDraft) -> RouteDraft:
        return replace(route, hosts=tuple(full(host) for host in route.hosts) if route.hosts else None)

    if not any(full(host) != host for route in partial.routes or () for host in route.hosts or ()):
        return partial
    return replace(partial, routes=tuple(drafted(route) for route in partial.routes or ()))


def settle(name: str, partial: Partial, page: str, manifest: str, networks: Networks) -> Settled:
    """Make the spoke of a merged half; `networks` are those that stack.yaml declares."""
    findings: list[Finding] = list(partial.findings)
    service: dict[str, Any] = {
        key: value
        for key, value in partial.service.items()
        if value not in ([], {}) or key in _EMPTY_MEANS_SOMETHING
    }
    if "image" in service:
        service["image"] = _image(service["image"], partial, findings)
    kind = partial.kind or kind_of(service.get("image", ""))
    routes = _routes(partial, page, findings)
    kept: dict[Path, list[int]] = {("route",): [number for number, _ in routes]}
    as_written = len(routes) == len(partial.routes or ())
    if "networks" in service:
        service["networks"] = _networks(service["networks"], partial, networks, findings)
    elif (routes or kind is Kind.EDGE) and "network_mode" not in service:
        service["networks"] = {PROXY_NETWORK: {}}
    spoke = Spoke(
        name=name,
        kind=kind,
        service=service,
        title=partial.title,
        page=page,
        manifest=manifest,
        routes=tuple(route for _, route in routes),
        settings_dir=partial.settings_dir or "",
        hardening=partial.hardening or Hardening.STRICT,
        accept=partial.accept,
        policy=partial.policy,
        settle=partial.settle,
        backup=partial.backup,
        schedule=partial.schedule or "",
        status=partial.status or "",
        phase=partial.phase or "",
        recorded=partial.recorded,
        smoke_test=partial.smoke_test,
        issues=partial.issues,
        places=partial.places if as_written else as_kept(partial.places, kept),
    )
    return Settled(spoke, tuple(findings))


def unread_keys(half: Partial) -> tuple[str, ...]:
    """What of a manifest could not be read, so that its absence is not told as a second mistake."""
    wrong = {found.at for found in half.findings if found.severity is Severity.ERROR}
    if not wrong:
        return ()
    if half.places.keys() <= {()}:
        return ("*",)
    tops = ((path[0], at) for path, at in half.places.items() if len(path) == 1)
    return tuple(sorted(key for key, at in tops if at in wrong and key not in half.service))


def _image(reference: str, partial: Partial, findings: list[Finding]) -> str:
    """The reference with the digest that the page records, and without one that pins nothing."""
    image = split_image(reference)
    if image.digest and not DIGEST.match(image.digest) and "$" not in image.digest:
        message = f"`{image.digest}` is no digest, so nothing is pinned"
        findings.append(finding("SC203", partial.at("image"), message, "write the whole digest, or none"))
        image = replace(image, digest="")
    if partial.digest is None:
        return str(image)
    repository, _, digest = partial.digest.rpartition("@")
    if repository and split_image(repository).repository != image.repository:
        message = f"the digest is one of `{repository}`, but the image is `{image.repository}`"
        findings.append(finding("SC107", partial.at("digest"), message))
    elif image.digest and image.digest != digest:
        message = f"the digest differs from that of `{image}` at {partial.at('image')}"
        findings.append(finding("SC107", partial.at("digest"), message))
    else:
        image = replace(image, digest=digest)
    return str(image)


def _networks(
    stated: Mapping[str, Any], partial: Partial, networks: Networks, findings: list[Finding]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, options in stated.items():
        if name in networks.declared:
            found[name] = options
            continue
        network, problem = networks.resolve(name, partial.at("networks", name))
        # A network that does not exist is lint's to tell; here it keeps its name.
        if problem is not None and network is not None:
            findings.append(problem)
        found[network or name] = options
    return found


def _routes(partial: Partial, page: str, findings: list[Finding]) -> list[tuple[int, Route]]:
    """The routes that can be made, each with its number among those that are written."""
    routes = []
    told = {found.at for found in partial.findings}
    for number, draft in enumerate(partial.routes or ()):
        missing = list(_missing(draft))
        if missing:
            at = partial.at("route", str(number))
            only_page = at.file == page
            if draft.hosts is None and only_page:
                continue
            words = " and ".join(
                w for w in missing if partial.places.get(("route", str(number), w)) not in told
            )
            code = "SC111" if only_page else "SC103"
            if words:
                at = partial.at("route", str(number), "port") if draft.port else at
                findings.append(finding(code, at, f"the route has no {words}", f"state its {words}"))
        else:
            route = replace(draft.stated, hosts=draft.hosts or (), port=draft.port or 0)
            routes.append((number, route))
    return routes


def _missing(draft: RouteDraft) -> Iterator[str]:
    if not draft.hosts and draft.stated.protocol is Protocol.HTTP:
        yield "host"
    if not draft.port and not draft.stated.dashboard:
        yield "port"
