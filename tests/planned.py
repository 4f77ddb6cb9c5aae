"""A captured container and the service that it was made from, to be changed and planned."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stackctl.findings import Location
from stackctl.model import Action, Bundle, Container, Kind, Observed, Spoke, Stack, Verb, Wanted, Who
from stackctl.observe import container
from stackctl.plan import plan

SEEN: dict[str, Any] = json.loads((Path(__file__).parent / "observed" / "full.json").read_text())
PROJECT: str = SEEN["project"]
IMAGE_ID: str = SEEN["inspect"]["Image"]
HERE = Location("spokes/full.yaml", 4, 3)
KEY, OTHER_KEY = "aaaaaaaa", "bbbbbbbb"


def applied(hmac: str, key: str = KEY) -> str:
    return f"1.0123456789ab.{key}.{hmac * 32}"


def labels(container_labels: Mapping[str, str]) -> dict[str, str]:
    return {**SEEN["inspect"]["Config"]["Labels"], **container_labels}


def running(
    spoke: str = "full",
    *,
    state: str = "running",
    exit_code: int = 0,
    labelled: Mapping[str, str] | None = None,
    without: tuple[str, ...] = (),
    id: str = "1",
    **config: Any,
) -> Container:
    """The captured container as one of `spoke`, with labels and parts of its configuration changed."""
    inspect = copy.deepcopy(SEEN["inspect"])
    inspect["Id"] = id
    inspect["State"] |= {"Status": state, "ExitCode": exit_code}
    own = {"stackctl.spoke": spoke, "com.docker.compose.service": spoke, **(labelled or {})}
    inspect["Config"]["Labels"] = {k: v for k, v in labels(own).items() if k not in without}
    inspect["Config"] |= config
    for how in inspect["NetworkSettings"]["Networks"].values():
        how["Aliases"] = [*how["Aliases"], spoke]
    return container(inspect)


def want(
    spoke: str = "full",
    *,
    labelled: Mapping[str, str] | None = None,
    applied: str = "",
    image_id: str = IMAGE_ID,
    **changed: Any,
) -> Wanted:
    stanza = copy.deepcopy(SEEN["stanza"]) | changed
    stanza["labels"] = {**stanza["labels"], "stackctl.spoke": spoke, **(labelled or {})}
    return Wanted(stanza, applied, image_id)


def spoke(
    name: str = "full", *, kind: Kind = Kind.APP, needs: tuple[str, ...] = (), profile: str = ""
) -> Spoke:
    service: dict[str, Any] = {"depends_on": {need: {"condition": "service_started"} for need in needs}}
    if profile:
        service["profiles"] = [profile]
    return Spoke(name, kind, service, places={(): HERE})


NETWORKS = {name: {"name": f"{PROJECT}_{name}"} for name in ("proxy", "socket")}
BUNDLE = Bundle({"networks": NETWORKS, "volumes": {"data": None}}, {}, {})


def decide(wanted: Wanted, *containers: Container, of: Spoke | None = None, refresh: bool = False) -> Action:
    of = of or spoke()
    observed = Observed(PROJECT, containers, image_defaults={IMAGE_ID: SEEN["image_config"]})
    found = plan(Stack(PROJECT, (of,)), BUNDLE, {of.name: wanted}, observed, (), refresh=refresh)
    [action] = found.actions
    assert action.spoke == of.name
    assert (action.replacement is not None) is (action.verb is Verb.RECREATE)
    # How it is replaced has tests of its own.
    return replace(action, replacement=None)


def told(action: Action) -> tuple[Verb, list[tuple[Who, str]]]:
    return action.verb, [(cause.who, cause.field) for cause in action.causes]
