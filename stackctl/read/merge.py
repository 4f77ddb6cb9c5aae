"""Page and manifest of a spoke -> one whole. Where both state a field, they must say the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from stackctl.codes import finding
from stackctl.findings import Finding
from stackctl.model import Path
from stackctl.read.compose_keys import service_forms
from stackctl.read.images import split_image
from stackctl.read.partial import Partial, RouteDraft
from stackctl.read.places import Later

_SAME_MOUNT = ("type", "source", "target", "read_only")
_SAME_PORT = ("target", "published", "host_ip", "protocol")


def merge(page: Partial | None, manifest: Partial | None) -> Partial:
    """One half from two; each field that they state differently is a finding that names both places."""
    if page is None or manifest is None:
        one = page or manifest
        assert one is not None, "a spoke has a page, a manifest, or both"
        return one
    return _Merge(page, manifest).whole()


def told_apart(page: Partial, manifest: Partial) -> tuple[Finding, ...]:
    """Only the fields that the two halves state differently."""
    merging = _Merge(page, manifest)
    merging.whole()
    return tuple(merging.findings)


class _Merge:
    def __init__(self, page: Partial, manifest: Partial) -> None:
        self.page = page
        self.manifest = manifest
        self.findings: list[Finding] = []

    def differ(self, path: Path, page: Any, manifest: Any) -> None:
        name = ".".join(path)
        message = (
            f"`{name}` is {_shown(manifest)} here, and {_shown(page)} on the page at {self.page.at(*path)}"
        )
        hint = "state it once, or the same in both"
        self.findings.append(finding("SC107", self.manifest.at(*path), message, hint))

    def whole(self) -> Partial:
        page, manifest = self.page, self.manifest
        service = {**page.service, **manifest.service}
        for key in page.service.keys() & manifest.service.keys():
            service[key] = self.field(key, page.service[key], manifest.service[key])
        routes = self.routes()
        return replace(
            manifest,
            service=service,
            title=page.title,
            kind=self.scalar("kind", page.kind, manifest.kind),
            routes=routes,
            checks=(*page.checks, *manifest.checks),
            settings_dir=self.scalar("settings_dir", page.settings_dir, manifest.settings_dir),
            status=self.prose("status", page.status, manifest.status),
            phase=self.prose("phase", page.phase, manifest.phase),
            digest=page.digest,
            recorded=page.recorded,
            smoke_test=page.smoke_test,
            issues=page.issues,
            places=Later(lambda: {**page.places, **manifest.places}),
            findings=(*page.findings, *manifest.findings, *sorted(self.findings, key=lambda f: f.at)),
        )

    def field(self, key: str, page: Any, manifest: Any) -> Any:
        form = service_forms().get(key)
        if form == "map":
            return self.map(key, page, manifest)
        if form in ("networks", "depends_on"):
            if set(page) != set(manifest):
                self.differ((key,), sorted(page), sorted(manifest))
            return manifest
        if key == "image":
            return self.image(page, manifest)
        same: Callable[[Any], Any] = {
            "volumes": lambda items: _parts(items, _SAME_MOUNT),
            "ports": lambda items: _parts(items, _SAME_PORT),
            "grants": lambda items: _parts(items, ("source",)),
            "strings": set,
        }.get(form or "", _plain)
        if same(page) != same(manifest):
            self.differ((key,), page, manifest)
        return manifest

    def map(self, key: str, page: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
        if bool(page) != bool(manifest):
            self.differ((key,), page, manifest)
        for name in sorted(page.keys() & manifest.keys()):
            if page[name] != manifest[name]:
                self.differ((key, name), page[name], manifest[name])
        return {**page, **manifest}

    def image(self, page: str, manifest: str) -> str:
        one, other = split_image(page), split_image(manifest)
        if (one.repository, one.tag) != (other.repository, other.tag) or (
            one.digest and other.digest and one.digest != other.digest
        ):
            self.differ(("image",), page, manifest)
            return manifest
        return str(replace(other, digest=other.digest or one.digest))

    def scalar(self, key: str, page: Any, manifest: Any) -> Any:
        if page is not None and manifest is not None and page != manifest:
            self.differ((key,), page, manifest)
        return page if manifest is None else manifest

    def prose(self, key: str, page: str | None, manifest: str | None) -> str | None:
        """A page may say more than the manifest: `0 — Scaffolding` is phase 0."""
        if page is None or manifest is None:
            return page if manifest is None else manifest
        # Who comes here has a page.
        from stackctl.read.page_values import without_comment

        said = {" ".join(text.lower().split()) for text in (page, without_comment(page))}
        if " ".join(manifest.lower().split()) not in said:
            self.differ((key,), page, manifest)
        return page

    def routes(self) -> tuple[RouteDraft, ...] | None:
        """Hostname and Port of the page are the first route of the manifest."""
        page, manifest = self.page.routes, self.manifest.routes
        if page is None or manifest is None:
            return page if manifest is None else manifest
        if not page or not manifest:
            if page != manifest and not (page and page[0].hosts is None):
                self.differ(("route",), _hosts(page), _hosts(manifest))
            return manifest or page
        said, first = page[0], manifest[0]
        if said.hosts and first.hosts and set(said.hosts) != set(first.hosts):
            self.differ(("route", "0", "host"), said.hosts, first.hosts)
        if said.port and first.port and said.port != first.port:
            self.differ(("route", "0", "port"), said.port, first.port)
        first = replace(first, hosts=first.hosts or said.hosts, port=first.port or said.port)
        return (first, *manifest[1:])


def _parts(items: list[Mapping[str, Any]], keys: tuple[str, ...]) -> set[tuple[str, ...]]:
    """List entries for comparison: a short form on the page may leave out finer options."""
    return {tuple(str(item.get(key) or "") for key in keys) for item in items}


def _plain(value: Any) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return " ".join(str(value).split())
    return json.dumps(value, sort_keys=True)


def _hosts(routes: tuple[RouteDraft, ...]) -> list[str]:
    return [host for route in routes for host in route.hosts or ()]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple | set) and not value:
        return "none"
    if isinstance(value, str):
        return f"`{value}`"
    text = json.dumps(value, default=str)
    return f"`{text}`" if len(text) <= 80 else f"`{text[:79]}…`"
