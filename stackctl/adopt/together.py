"""Several Compose projects -> one, in which the volumes of the others keep their names and their data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stackctl.adopt.paths import Move, moved
from stackctl.adopt.project import REFUSED, Project
from stackctl.codes import finding
from stackctl.findings import Finding, InvalidFiles, Location

_ELEMENTS = ("networks", "volumes", "configs", "secrets")


def together(first: Project, *others: Project) -> Project:
    """One project under the name of the first.

    Raises:
        InvalidFiles: Two projects have a service of one name, or need different values for one variable.
    """
    refused: list[Finding] = []
    whole = first
    for other in others:
        taken = whole.resolved["services"].keys() & other.resolved["services"].keys()
        for name in sorted(taken):
            at = Location(str(other.files[0]), 1)
            message = f"{other.name} and another project both have a service `{name}`"
            refused.append(finding("SC801", at, message, "rename one of them, or adopt without --merge"))
        for name in sorted(whole.of_files.keys() & other.of_files.keys() & other.named_variables):
            if whole.of_files[name] != other.of_files[name]:
                at = Location(str(other.files[0]), 1)
                message = f"`{name}` has another value in {other.name}"
                refused.append(finding("SC801", at, message, "rename it in one of the projects"))
        whole = _with(whole, other)
    if refused:
        raise InvalidFiles(tuple(refused), REFUSED)
    return whole


def _with(whole: Project, other: Project) -> Project:
    move = Move(str(other.directory), str(whole.directory), other.variables)
    return replace(
        whole,
        included=(*whole.included, *((file, other.directory) for file in other.files), *other.included),
        model=_joined(whole.model, _moved_in(other.model, whole.name, other.name, move)),
        resolved=_joined(whole.resolved, _moved_in(other.resolved, whole.name, other.name, None)),
        env_files=(*whole.env_files, *other.env_files),
        variables={**other.variables, **whole.variables},
        of_files={**other.of_files, **whole.of_files},
        profiles=",".join(filter(None, (whole.profiles, other.profiles))),
    )


def _joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(one)
    for key, value in other.items():
        if key in ("services", *_ELEMENTS):
            found[key] = {**(one.get(key) or {}), **value}
        elif key != "name":
            found.setdefault(key, value)
    return found


def _moved_in(document: Mapping[str, Any], stack: str, project: str, move: Move | None) -> dict[str, Any]:
    """The document with every network, volume, config and secret under a name that tells its project."""
    found: dict[str, Any] = {k: v for k, v in document.items() if k.startswith("x-")}
    for key in _ELEMENTS:
        elements = document.get(key) or {}
        elements = moved(key, elements, move) if move else elements
        found[key] = {
            f"{project}_{name}": _element(key, name, how or {}, stack, project)
            for name, how in elements.items()
        }
    found["services"] = {
        name: _service(service, project, move) for name, service in document["services"].items()
    }
    return found


def _element(key: str, name: str, how: Mapping[str, Any], stack: str, project: str) -> dict[str, Any]:
    if how.get("external"):
        return {**how, "name": how.get("name", name)}
    if key == "volumes":
        return {"external": True, "name": how.get("name", f"{project}_{name}")}
    own = how.get("name", f"{project}_{name}") == f"{project}_{name}"
    return {**how, "name": f"{stack}_{project}_{name}"} if own else dict(how)


def _service(service: Mapping[str, Any], project: str, move: Move | None) -> dict[str, Any]:
    found = {key: moved(key, value, move) if move else value for key, value in service.items()}
    if isinstance(networks := found.get("networks"), Mapping):
        found["networks"] = {f"{project}_{name}": how for name, how in networks.items()}
    if mounts := found.get("volumes"):
        found["volumes"] = [_mount(mount, project) for mount in mounts]
    for key in ("configs", "secrets"):
        if grants := found.get(key):
            found[key] = [
                {"source": f"{project}_{g}", "target": _target(key, g)}
                if isinstance(g, str)
                else {
                    **g,
                    "source": f"{project}_{g['source']}",
                    "target": g.get("target") or _target(key, g["source"]),
                }
                for g in grants
            ]
    return found


def _target(key: str, name: str) -> str:
    return f"/{name}" if key == "configs" else name


def _mount(mount: Any, project: str) -> Any:
    named = isinstance(mount, Mapping) and mount.get("type") == "volume" and mount.get("source")
    if not named or str(mount["source"]).startswith("$"):
        return mount
    return {**mount, "source": f"{project}_{mount['source']}"}
