"""The texts of a stack's folder -> the Stack, and every problem in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from stackctl.codes import finding
from stackctl.findings import Finding, Location
from stackctl.model import Spoke, Stack, secret_of
from stackctl.read.accepting import sorted_and_accepted
from stackctl.read.checks import Surroundings, resolve_checks
from stackctl.read.compose_keys import nearest
from stackctl.read.edges import chosen
from stackctl.read.halves import Memory
from stackctl.read.merge import merge
from stackctl.read.networks import Networks
from stackctl.read.partial import SPOKE_NAME, CheckDraft, Partial
from stackctl.read.spoke import settle, unread_keys, with_domain
from stackctl.read.stack_yaml import Settings, read_settings
from stackctl.read.text import read_text
from stackctl.read.variables import parse_env

STACK_FILE = "stack.yaml"
_SAID_UNDER = {"configs": "configs", "secrets": "secret_sources"}
_SPOKE_FILE = re.compile(r"spokes/(?P<name>[^/]+)\.(?P<kind>md|yaml|yml)\Z")


@dataclass(frozen=True)
class Reading:
    """What the files say. There is no stack where stack.yaml is missing or cannot be read."""

    stack: Stack | None
    findings: tuple[Finding, ...]


@dataclass
class _Files:
    """What the files of one spoke say."""

    page: Partial | None = None
    manifest: Partial | None = None
    findings: list[Finding] = field(default_factory=list)


def read_stack(texts: Mapping[str, bytes], memory: Memory | None = None) -> Reading:
    """Read a stack from its files, by path relative to its folder; their order does not matter."""
    if STACK_FILE not in texts:
        missing = finding(
            "SC103", Location(STACK_FILE), "there is no stack.yaml", "a first one: `name: homelab`"
        )
        return Reading(None, (missing,))
    source, found = read_text(STACK_FILE, texts[STACK_FILE])
    findings = list(found)
    settings, wrong = read_settings(source)
    findings += wrong
    if settings is None:
        return Reading(None, sorted_and_accepted(findings, ()))
    by_name, more = _spoke_files(texts, memory or Memory())
    findings += more
    spokes, resting, more = _read_spokes(by_name, settings)
    findings += more
    if not by_name:
        hint = "`stackctl new NAME` writes the first one"
        findings.append(finding("SC108", Location(STACK_FILE), "the stack has no spoke", hint))
    stack = Stack(
        name=settings.name,
        unread=settings.unread,
        spokes=spokes,
        resting=resting,
        domain=settings.domain,
        edge=settings.edge,
        routing=settings.routing,
        prober_image=settings.prober_image,
        networks=_with_default(settings, spokes),
        top_level=_with_volumes(settings, spokes),
        secret_sources=settings.secret_sources,
        notify=settings.notify,
        templates=_templates(texts),
        example_variables=_example(texts),
        places=settings.places,
    )
    return Reading(stack, sorted_and_accepted(findings, (*spokes, *resting)))


def _spoke_files(texts: Mapping[str, bytes], memory: Memory) -> tuple[dict[str, _Files], list[Finding]]:
    by_name: dict[str, _Files] = {}
    findings: list[Finding] = []
    for path in sorted(texts):
        match = _SPOKE_FILE.match(path)
        if match is None or match["name"].lower() == "readme":
            continue
        name = match["name"]
        if not SPOKE_NAME.match(name):
            message = f"`{name}` cannot be the name of a spoke"
            findings.append(finding("SC110", Location(path), message, "use a-z, 0-9, - and _"))
            continue
        files = by_name.setdefault(name, _Files())
        if match["kind"] == "md":
            files.page = memory.half(path, texts[path])
        elif files.manifest is None:
            files.manifest = memory.half(path, texts[path])
        else:
            message = f"`{name}` has two manifests; {files.manifest.file} is read"
            files.findings.append(finding("SC103", Location(path), message, "remove one of them"))
    return by_name, findings


def _read_spokes(
    by_name: Mapping[str, _Files], settings: Settings
) -> tuple[tuple[Spoke, ...], tuple[Spoke, ...], list[Finding]]:
    """The spokes, the edges that rest, and what is wrong with any of them."""
    networks = Networks(settings.name, settings.networks)
    spokes: list[Spoke] = []
    drafts: dict[str, tuple[CheckDraft, ...]] = {}
    findings: list[Finding] = []
    for name, files in sorted(by_name.items()):
        page, manifest = files.page, files.manifest
        merged = merge(
            with_domain(page, settings.domain) if page else None,
            with_domain(manifest, settings.domain) if manifest else None,
        )
        settled = settle(name, merged, page.file if page else "", manifest.file if manifest else "", networks)
        unread = unread_keys(manifest) if manifest else ()
        spokes.append(replace(settled.spoke, unread=unread) if unread else settled.spoke)
        drafts[name] = merged.checks
        findings += [replace(f, spoke=name) for f in (*files.findings, *settled.findings)]
    serving, resting = chosen(spokes, settings.edge)
    around = Surroundings(serving, networks)
    whole = []
    for spoke in serving:
        checks, more = resolve_checks(spoke, drafts[spoke.name], around)
        findings += [replace(f, spoke=spoke.name) for f in (*more, *_undeclared(spoke, settings))]
        whole.append(replace(spoke, checks=checks))
    return tuple(whole), resting, findings


def _undeclared(spoke: Spoke, settings: Settings) -> list[Finding]:
    """Configs and secrets that stand nowhere in stack.yaml; nothing could be given for them."""
    sources = settings.secret_sources
    known = {key: {**settings.top_level.get(key, {})} for key in ("configs", "secrets")}
    known["secrets"] |= sources
    unread = {*settings.unread}
    found = [
        finding(
            "SC103",
            spoke.at(key, str(number)),
            f"`{grant['source']}` stands nowhere under `{_SAID_UNDER[key]}` in stack.yaml",
            nearest(grant["source"], known[key]) or "say there where it comes from",
        )
        for key in known
        if not unread & {key, _SAID_UNDER[key]}
        for number, grant in enumerate(spoke.service.get(key, ()))
        if grant["source"] not in known[key]
    ]
    return found + [
        finding(
            "SC103",
            spoke.at("environment", variable),
            f"the secret `{name}` stands nowhere under `secret_sources` in stack.yaml",
            nearest(name, sources) or "say there where its value comes from",
        )
        for variable, value in spoke.environment.items()
        if (name := secret_of(value)) and name not in sources and "secret_sources" not in unread
    ]


def _with_default(settings: Settings, spokes: tuple[Spoke, ...]) -> dict[str, Mapping[str, object]]:
    """Compose's own network `default` exists as soon as a spoke names it."""
    networks: dict[str, Mapping[str, object]] = dict(settings.networks)
    if any("default" in spoke.networks for spoke in spokes):
        networks.setdefault("default", {"name": f"{settings.name}_default"})
    return networks


def _with_volumes(settings: Settings, spokes: tuple[Spoke, ...]) -> dict[str, object]:
    """The other elements of stack.yaml; a named volume that a spoke mounts needs no entry there."""
    mounted = {
        m.source
        for spoke in spokes
        for m in spoke.mounts
        if m.type == "volume" and m.source and "$" not in m.source
    }
    top_level: dict[str, object] = dict(settings.top_level)
    declared = settings.top_level.get("volumes", {})
    if mounted - declared.keys():
        top_level["volumes"] = {**declared, **{name: {} for name in sorted(mounted - declared.keys())}}
    return top_level


def _templates(texts: Mapping[str, bytes]) -> dict[str, str]:
    found = {}
    for path in sorted(texts):
        if PurePosixPath(path).parts[0] == "templates":
            found[path.removeprefix("templates/")] = read_text(path, texts[path])[0].text
    return found


def _example(texts: Mapping[str, bytes]) -> frozenset[str] | None:
    if ".env.example" not in texts:
        return None
    variables, _ = parse_env(read_text(".env.example", texts[".env.example"])[0].text)
    return frozenset(variables)
