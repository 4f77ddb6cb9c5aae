"""The smallest way from services to containers: a Compose file as JSON, planned and applied."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stackctl.apply import apply
from stackctl.compose import Compose
from stackctl.engine import Engine
from stackctl.events import Event
from stackctl.model import Bundle, Kind, Observed, Plan, Spoke, Stack, Wanted
from stackctl.observe import observe
from stackctl.plan import plan
from tests.scenarios.engine_room import EngineRoom


@dataclass
class SmallStack:
    """A stack whose spokes a test sets as plain Compose services."""

    room: EngineRoom
    directory: Path
    project: str
    engine: Engine
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: frozenset[str] = frozenset()
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def set(self, **services: Mapping[str, Any]) -> None:
        """The services from now on; each gets the labels that a rendered stack has."""
        self.services = {name: self._labelled(name, service) for name, service in services.items()}

    def _labelled(self, name: str, service: Mapping[str, Any]) -> dict[str, Any]:
        service = {"image": self.room.image("python"), "networks": {"proxy": None}, **service}
        digest = hashlib.sha256(json.dumps(service, sort_keys=True, default=str).encode()).hexdigest()
        own = {
            "stackctl.spoke": name,
            "stackctl.fingerprint": digest,
            "stackctl.inputs": f"stanza={digest[:8]}",
        }
        return {**service, "labels": {**service.get("labels", {}), **self.room.labels, **own}}

    @property
    def stack(self) -> Stack:
        kinds = {name: Kind.JOB if name in self.jobs else Kind.APP for name in self.services}
        spokes = tuple(Spoke(name, kinds[name], self.services[name]) for name in sorted(self.services))
        networks = {name: {"name": f"{self.project}_{name}"} for name in ("proxy", "socket")}
        return Stack(self.project, spokes, networks=networks)

    @property
    def bundle(self) -> Bundle:
        named = {"proxy": {}, "socket": {"internal": True}}
        networks = {
            n: {**how, "name": f"{self.project}_{n}", "labels": self.room.labels} for n, how in named.items()
        }
        volumes = {"data": {"labels": self.room.labels}}
        return Bundle({"services": self.services, "networks": networks, "volumes": volumes}, {}, {})

    def container(self, spoke: str) -> str:
        return self.observe().of_spoke(spoke)[0].id

    def observe(self) -> Observed:
        return observe(self.engine, self.project)

    def wanted(self, observed: Observed) -> dict[str, Wanted]:
        return {name: Wanted(s, "", observed.image_id(s["image"])) for name, s in self.services.items()}

    def plan(self) -> Plan:
        observed = self.observe()
        return plan(self.stack, self.bundle, self.wanted(observed), observed, ())

    def verbs(self) -> dict[str, str]:
        return {action.spoke: action.verb for action in self.plan().actions}

    def causes(self, spoke: str) -> list[tuple[str, str]]:
        """Who changed which field of a spoke."""
        action = next(a for a in self.plan().actions if a.spoke == spoke)
        return [(cause.who, cause.field) for cause in action.causes]

    def compose(self) -> Compose:
        return Compose(self.project, self.directory, self.environment)

    def up(
        self, remove: bool = True, only: tuple[str, ...] = (), into: list[Event] | None = None
    ) -> list[Event]:
        """Write the file, plan and apply; what happened on the way, also in `into` where it fails."""
        happened = [] if into is None else into
        (self.directory / "docker-compose.yml").write_text(json.dumps(self.bundle.compose))
        observed = self.observe()
        wanted = self.wanted(observed)
        plan_ = plan(self.stack, self.bundle, wanted, observed, (), only)
        if not remove:
            plan_ = replace(plan_, actions=tuple(a for a in plan_.actions if a.verb != "remove"))
        how = {"stack": self.stack, "wanted": wanted, "observed": observed}
        for event in apply(plan_, **how, engine=self.engine, compose=self.compose()):
            happened.append(event)
        return happened
