"""What `up` does for the stack's edge beside its container: certificates, and reading routes again."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from stackctl import ca, reload
from stackctl.commands.opened import HostView, Opened
from stackctl.compose import Compose
from stackctl.edge.middlewares import internal_hosts, listens_for_tls
from stackctl.engine import Engine
from stackctl.events import Event, Said
from stackctl.model import Plan, Verb


def give_certificates(opened: Opened, view: HostView, engine: Engine) -> tuple[str, ...]:
    """Sees to the certificates of the stack's own authority; the hosts of those that are new.

    To be done before routes are written that name them.
    """
    edges = [opened.stack.spoke(name) for name in opened.bundle.reloads]
    edge = next((edge for edge in edges if listens_for_tls(edge)), None)
    if edge is None:
        return ()
    stack, user = opened.stack, str(view.on_host.stanzas[edge.name].get("user", ""))
    hosts, now = internal_hosts(stack), datetime.now(UTC)
    return ca.serve(opened.root, stack.name, stack.domain, hosts, now, user, owners=same_users(engine))


def without_reloads(plan: Plan) -> Plan:
    """What is to be done with containers."""
    return replace(plan, actions=tuple(a for a in plan.actions if a.verb is not Verb.RELOAD))


def read_again(
    opened: Opened,
    plan: Plan,
    renewed: tuple[str, ...],
    engine: Engine,
    compose: Compose,
    starting: Collection[str] = (),
) -> Iterator[Event]:
    """Lets the edge read its routes, where the plan says so, or certificates that are new.

    An edge that is `starting` reads everything by itself.
    """
    again = [action.spoke for action in plan.actions if action.verb is Verb.RELOAD]
    if renewed:
        yield Said(f"certificates were made for {', '.join(renewed)}: see `stackctl ca`")
        again = [*opened.bundle.reloads]
    if again := [name for name in again if name not in starting]:
        yield from reload.reload(again, opened.stack, opened.bundle, opened.root, engine, compose)


def same_users(engine: Engine) -> bool:
    """Whether user 1000 of a container is user 1000 of this host."""
    options = engine.get("/info").get("SecurityOptions") or ()
    return not any(option.startswith(("name=userns", "name=rootless")) for option in options)
