"""What runs: one snapshot of the Engine in as few reads as it takes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from stackctl.engine import Engine, NotThere
from stackctl.model import NOTHING, Container, Mount, Observed, Port, Stanza

PROJECT_LABEL = "com.docker.compose.project"
_ONE_OFF_LABEL = "com.docker.compose.oneoff"


def observe(engine: Engine, project: str) -> Observed:
    """This project's containers in full, all others in outline; the same order every time.

    Costs four lists, one inspect per container of the project and one per image that these run.
    """
    listed = engine.get("/containers/json", all=True)
    networks = engine.get("/networks")
    images = engine.get("/images/json")
    volumes = engine.get("/volumes").get("Volumes") or ()
    ours = [c for c in listed if _belongs(c, project)]
    inspected = [c for c in (_inspect(engine, f"/containers/{c['Id']}/json") for c in ours) if c]
    containers = sorted(map(container, inspected), key=_by_service_and_age)
    others = sorted((_outline(c) for c in listed if not _belongs(c, project)), key=lambda c: (c.name, c.id))
    image_ids = sorted({c.image_id for c in containers})
    defaults = {id: _inspect(engine, f"/images/{id}/json").get("Config") or {} for id in image_ids}
    return Observed(
        project=project,
        containers=tuple(containers),
        others=tuple(others),
        networks={n["Name"]: n for n in sorted(networks, key=lambda n: (str(n["Name"]), str(n["Id"])))},
        images=_references(images),
        image_defaults=defaults,
        engine_version=engine.version,
        volumes={v["Name"]: v for v in sorted(volumes, key=lambda v: str(v["Name"]))},
    )


def in_full(engine: Engine, observed: Observed) -> Observed:
    """The same, with what only the standing checks need: others in full where they run, warnings."""
    resting = ("created", "exited", "dead")
    inspected = (
        _inspect(engine, f"/containers/{c.id}/json") for c in observed.others if c.state not in resting
    )
    running = {c["Id"]: container(c) for c in inspected if c}
    others = (running.get(c.id) or c for c in observed.others if c.state in resting or c.id in running)
    return replace(
        observed,
        others=tuple(others),
        engine_warnings=tuple(engine.get("/info").get("Warnings") or ()),
    )


def containers_of(engine: Engine, project: str, spokes: Collection[str]) -> tuple[Container, ...]:
    """The containers of some of the project's spokes alone, in full."""
    outlines = outlines_of(engine, project, spokes)
    inspected = (_inspect(engine, f"/containers/{c.id}/json") for c in outlines)
    return tuple(sorted((container(c) for c in inspected if c), key=_by_service_and_age))


def outlines_of(engine: Engine, project: str, spokes: Collection[str]) -> tuple[Container, ...]:
    """The same, as one list of the Engine tells of them: without what only an inspect says, in any order."""
    listed = engine.get("/containers/json", all=True, filters={"label": [f"{PROJECT_LABEL}={project}"]})
    outlines = (_outline(c) for c in listed if _belongs(c, project))
    return tuple(c for c in outlines if c.spoke in spokes)


def container(inspect: Stanza) -> Container:
    """A container from the Engine's full description."""
    state, config = inspect["State"], inspect["Config"]
    settings = inspect.get("NetworkSettings") or {}
    return Container(
        id=inspect["Id"],
        name=inspect["Name"].removeprefix("/"),
        image_id=inspect["Image"],
        image=config["Image"],
        state=state["Status"],
        health=_health((state.get("Health") or {}).get("Status", "")),
        exit_code=int(state.get("ExitCode") or 0),
        restarts=int(inspect.get("RestartCount") or 0),
        labels=config.get("Labels") or {},
        networks=_addresses(settings),
        mounts=_mounts(inspect.get("Mounts") or ()),
        ports=_bound(settings.get("Ports") or {}),
        inspect=inspect,
    )


def _belongs(outline: Stanza, project: str) -> bool:
    # What `docker compose run` made carries a service's labels without being that service.
    labels = outline.get("Labels") or {}
    return labels.get(PROJECT_LABEL) == project and labels.get(_ONE_OFF_LABEL) != "True"


def _inspect(engine: Engine, path: str) -> Stanza:
    """The full description, or nothing where the object went away since it was listed."""
    try:
        described: Stanza = engine.get(path)
    except NotThere:
        return NOTHING
    return described


def _outline(listed: Stanza) -> Container:
    status = str(listed.get("Status") or "")
    exited = re.match(r"Exited \((\d+)\)", status)
    health = re.search(r"\((?:health: )?(healthy|unhealthy|starting)\)", status)
    ports = (
        Port(int(p["PrivatePort"]), str(p["PublicPort"]), p.get("IP", ""), p.get("Type", "tcp"))
        for p in listed.get("Ports") or ()
        if p.get("PublicPort")
    )
    return Container(
        id=listed["Id"],
        name=(listed.get("Names") or ["/"])[0].removeprefix("/"),
        image_id=listed.get("ImageID", ""),
        image=listed.get("Image", ""),
        state=listed.get("State", ""),
        health=health[1] if health else "",
        exit_code=int(exited[1]) if exited else 0,
        restarts=0,
        labels=listed.get("Labels") or {},
        networks=_addresses(listed.get("NetworkSettings") or {}),
        mounts=_mounts(listed.get("Mounts") or ()),
        ports=tuple(sorted(ports, key=_port_order)),
    )


def _health(status: str) -> str:
    return "" if status == "none" else status


def _addresses(settings: Stanza) -> Mapping[str, str]:
    networks: Mapping[str, Any] = settings.get("Networks") or {}
    return {name: networks[name].get("IPAddress", "") for name in sorted(networks)}


def _mounts(mounts: Iterable[Stanza]) -> tuple[Mount, ...]:
    """A volume's source is its name, as in Compose, not the folder where the Engine keeps it."""
    found = (
        Mount(
            m.get("Type", ""),
            m.get("Name") or m.get("Source", ""),
            m.get("Destination", ""),
            not m.get("RW", True),
        )
        for m in mounts
    )
    return tuple(sorted(found, key=lambda m: m.target))


def _bound(ports: Mapping[str, Any]) -> tuple[Port, ...]:
    found = []
    for name, bindings in ports.items():
        target, _, protocol = name.partition("/")
        found += [Port(int(target), b["HostPort"], b["HostIp"], protocol or "tcp") for b in bindings or ()]
    return tuple(sorted(found, key=_port_order))


def _port_order(port: Port) -> tuple[int, str, str, str]:
    return port.target, port.protocol, port.host_ip, port.published


def _references(images: Iterable[Stanza]) -> Mapping[str, str]:
    """Every name of every image, and each image's own id."""
    names = {}
    for image in images:
        for name in (*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ()), image["Id"]):
            names[str(name)] = str(image["Id"])
    return dict(sorted(names.items()))


def _by_service_and_age(container: Container) -> tuple[str, str, str, str]:
    # The Engine leaves out trailing zeros of the fraction, so the text alone would not sort.
    seconds, _, fraction = str(container.inspect.get("Created", "")).removesuffix("Z").partition(".")
    return container.spoke, seconds, fraction.ljust(9, "0"), container.id
