"""`stackctl show`: all that is known of a spoke, and where each of it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stackctl import records, strict
from stackctl.checks import checks
from stackctl.commands.opened import Opened, named, open_stack
from stackctl.commands.story import Ended, Runs, ShowAnswer, Story, Value
from stackctl.engine import Engine
from stackctl.errors import StackctlError
from stackctl.model import Container, Spoke
from stackctl.observe import containers_of
from stackctl.yaml_text import scalar

TEMPLATE, STACKCTL = "template", "stackctl"
_RECORDED = ("last_pass", "artifacts", "last_updated", "fingerprint")


def show(root: Path, name: str, *, environ: Mapping[str, str]) -> Story:
    opened = open_stack(root)
    spoke = opened.stack.spoke(*named(opened.stack, (name,)))
    history = records.read(root)
    standing = records.states(opened.stack, opened.bundle, history.records)[name]
    own = [r for r in history.records if (r.stack, r.spoke) == (opened.stack.name, name)]
    runs, engine = _runs(opened, name, environ)
    yield from ()
    return Ended(
        ShowAnswer(
            spoke=name,
            title=spoke.title,
            kind=spoke.kind.value,
            page=spoke.page,
            manifest=spoke.manifest,
            status=spoke.status,
            values=(*_stated(spoke), *_rendered(opened, spoke)),
            stanza=opened.bundle.service(name),
            fingerprint=opened.bundle.fingerprints[name],
            documented=standing.documented,
            dependents=tuple(
                other.name
                for other in opened.stack.spokes
                if name in [dependency.spoke for dependency in other.dependencies]
            ),
            checks=tuple(
                f"{c.code} {c.title}" for c in checks(opened.stack, opened.bundle) if c.spoke == name
            ),
            proof=standing.state,
            proved_at=own[-1].at if own else "",
            last=own[-1].results if own else (),
            runs=runs,
            engine=engine,
            findings=tuple(f for f in opened.findings if f.spoke == name),
        )
    )


def _stated(spoke: Spoke) -> Iterator[Value]:
    """What the files say beyond Compose's own keys."""
    for field in ("status", "phase", "settings_dir", "schedule"):
        if value := getattr(spoke, field):
            yield Value(field, value, str(spoke.at(field)))
    kind = spoke.places.get(("kind",))
    yield Value("kind", spoke.kind.value, str(kind) if kind else f"its image, {spoke.at('image')}")
    hardening = spoke.places.get(("hardening",))
    yield Value("hardening", spoke.hardening.value, str(hardening) if hardening else STACKCTL)
    for number, route in enumerate(spoke.routes):
        told = f"{', '.join(route.hosts) or route.protocol}{route.path} → port {route.port}"
        yield Value("route", told, str(spoke.at("route", str(number))))
    for accept in spoke.accept:
        yield Value(f"accept {accept.code}", accept.reason, str(accept.at))
    if spoke.smoke_test:
        yield Value("smoke test", spoke.smoke_test, str(spoke.at("smoke_test")))
    for key in _RECORDED:
        if value := getattr(spoke.recorded, key):
            yield Value(f"recorded {key.replace('_', ' ')}", value, str(spoke.at("recorded", key)))


def _rendered(opened: Opened, spoke: Spoke) -> Iterator[Value]:
    """Each value of the stanza, as Compose gets it, but for the labels by which stackctl knows it again."""
    for path, value in _leaves(opened.bundle.service(spoke.name), ()):
        if path[0] == "labels" and path[-1].startswith("stackctl."):
            continue
        yield Value(".".join(path), value, _origin(opened, spoke, path))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping) and value and not (path and path[-1].isdigit()):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, str(number)))
    else:
        yield path, _told(value)


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_told(item)}" for key, item in value.items()) or "{}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_told(item) for item in value) or "[]"
    return value if isinstance(value, str) else scalar(value)


def _origin(opened: Opened, spoke: Spoke, path: tuple[str, ...]) -> str:
    """The nearest place that states it; else whoever adds it."""
    if path[0] in spoke.service:
        at = _place_in_list(opened, spoke, path) if path[-1].isdigit() else path
        for length in range(len(at), 0, -1):
            if place := spoke.places.get(at[:length]):
                stated = _stated_there(spoke.service, at)
                return str(place) if stated else _by_program(opened, spoke, path)
    return _by_program(opened, spoke, path)


def _place_in_list(opened: Opened, spoke: Spoke, path: tuple[str, ...]) -> tuple[str, ...]:
    """Where an item of the stanza's list stands in the spoke's own, before which a template may add some."""
    rendered, own = opened.bundle.service(spoke.name)[path[0]], spoke.service[path[0]]
    item = rendered[int(path[1])]
    return (path[0], str(own.index(item) if item in own else len(own)))


def _stated_there(value: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if isinstance(value, Mapping):
            if key not in value:
                return False
            value = value[key]
        elif isinstance(value, (list, tuple)):
            return key.isdigit() and int(key) < len(value)
    return True


def _by_program(opened: Opened, spoke: Spoke, path: tuple[str, ...]) -> str:
    if path[0] == "labels" and path[-1].startswith(("traefik.", "caddy")) and spoke.routes:
        return str(spoke.at("route", "0"))
    if path[0] == "depends_on":
        return str(spoke.at(*path[:2]))
    if strict.is_strict(spoke) and path[0] in strict.stanza(spoke):
        return str(spoke.at("policy"))
    own = f"kinds/{spoke.kind}.yaml.j2"
    return f"templates/{own}" if own in opened.stack.templates else TEMPLATE


def _runs(opened: Opened, name: str, environ: Mapping[str, str]) -> tuple[tuple[Runs, ...], str]:
    try:
        with Engine.connect(environ) as engine:
            return tuple(map(_run, containers_of(engine, opened.stack.name, (name,)))), engine.version
    except StackctlError as error:
        return (), error.message


def _run(container: Container) -> Runs:
    return Runs(
        container.name,
        container.id[:12],
        f"{container.state}, {container.health}" if container.health else container.state,
        container.image,
        container.image_id.removeprefix("sha256:")[:12],
        container.restarts,
        container.networks,
        container.mounts,
        container.ports,
    )
