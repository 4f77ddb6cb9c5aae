"""What is rendered: one plain Compose document, hardened, without anything of this host."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from stackctl.edge import traefik
from stackctl.errors import StackctlError
from stackctl.model import Edge, Hardening, Kind, Route, Spoke, Stack
from stackctl.render import render

NETWORKS = {"proxy": {"name": "s_proxy"}, "socket": {"name": "s_socket", "internal": True}}


def stack(*spokes: Spoke, **changes: Any) -> Stack:
    return replace(Stack("s", spokes, edge=Edge.TRAEFIK, networks=NETWORKS), **changes)


def spoke(name: str = "web", kind: Kind = Kind.APP, /, **service: Any) -> Spoke:
    return Spoke(name, kind, {"image": "nginx:1", **service})


def stanza(of: Stack, name: str = "web") -> dict[str, Any]:
    return dict(render(of).service(name))


def test_strict_hardening_drops_everything_that_the_spoke_does_not_ask_for() -> None:
    rendered = stanza(stack(spoke()))
    assert rendered["cap_drop"] == ["ALL"]
    assert rendered["security_opt"] == ["no-new-privileges:true"]
    assert rendered["read_only"] is True
    assert "mem_limit" in rendered
    assert "pids_limit" in rendered


def test_what_the_spoke_states_wins_over_the_template() -> None:
    rendered = stanza(stack(spoke(read_only=False, mem_limit="1g", logging={"driver": "journald"})))
    assert rendered["read_only"] is False
    assert rendered["mem_limit"] == "1g"
    assert rendered["logging"]["driver"] == "journald"


def test_as_is_adds_nothing_but_labels() -> None:
    rendered = stanza(stack(replace(spoke(), hardening=Hardening.AS_IS)))
    assert rendered.keys() == {"image", "labels"}


def test_a_job_is_not_restarted() -> None:
    assert stanza(stack(spoke("once", Kind.JOB)), "once")["restart"] == "no"


def test_no_health_condition_waits_for_a_container_without_a_healthcheck() -> None:
    waiting = spoke("web", depends_on={"db": {"condition": "service_healthy"}})
    assert stanza(stack(waiting, spoke("db")))["depends_on"]["db"]["condition"] == "service_started"
    checked = spoke("db", healthcheck={"test": ["CMD", "true"]})
    assert stanza(stack(waiting, checked))["depends_on"]["db"]["condition"] == "service_healthy"


def test_a_named_volume_that_a_spoke_uses_is_declared() -> None:
    used = spoke(volumes=[{"type": "volume", "source": "data", "target": "/data"}])
    assert render(stack(used)).compose["volumes"] == {"data": {}}


def test_a_path_route_does_not_take_its_longer_sibling() -> None:
    rule = traefik.rule(Route(("h.localhost",), 80, "/agent/1"))
    assert rule == "(Host(`h.localhost`)) && (Path(`/agent/1`) || PathPrefix(`/agent/1/`))"


def test_route_names_carry_the_stack_so_that_two_stacks_cannot_merge() -> None:
    routed = replace(spoke(), routes=(Route(("web.localhost",), 80),))
    names = {key.split(".")[3] for key in stanza(stack(routed))["labels"] if key.startswith("traefik.http.")}
    assert names == {"s-web"}


def test_an_edge_gets_its_configuration_as_a_directory() -> None:
    edge = spoke("traefik", Kind.EDGE)
    bundle = render(stack(edge, spoke("docker-socket-proxy", Kind.SOCKET_PROXY)))
    assert b"tcp://docker-socket-proxy:2375" in bundle.files["rendered/traefik/traefik.yml"]
    assert {m["source"] for m in bundle.service("traefik")["volumes"]} == {"./rendered/traefik"}
    assert all(m["bind"] == {"create_host_path": False} for m in bundle.service("traefik")["volumes"])


def test_a_template_cannot_turn_a_value_into_anything_but_a_value() -> None:
    own = {"kinds/app.yaml.j2": "labels:\n  stack: {{ stack }}\n"}
    nasty = 'x"\nprivileged: true\n#'
    assert stanza(stack(spoke(), name=nasty, templates=own))["labels"]["stack"] == nasty


@pytest.mark.parametrize("text", ["{{ missing }}", "a: [", "just text", "{% if %}"])
def test_a_template_that_fails_is_named(text: str) -> None:
    with pytest.raises(StackctlError, match="kinds/app"):
        render(stack(spoke(), templates={"kinds/app.yaml.j2": text}))


def test_a_template_of_the_stack_cannot_run_programs() -> None:
    own = {"kinds/app.yaml.j2": "a: {{ cycler.__init__.__globals__.os.popen('id').read() }}"}
    with pytest.raises(StackctlError, match="kinds/app"):
        render(stack(spoke(), templates=own))


@pytest.mark.parametrize(
    ("tag", "read_only"), [("0.1.2", False), ("0.3.0", False), ("v0.4.2", True), ("v0.5.0", True)]
)
def test_a_proxy_with_switches_can_write_where_its_version_writes(tag: str, read_only: bool) -> None:
    proxy = Spoke("p", Kind.SOCKET_PROXY, {"image": f"tecnativa/docker-socket-proxy:{tag}"})
    assert stanza(stack(proxy), "p")["read_only"] is read_only
    assert stanza(stack(proxy), "p")["tmpfs"] == ["/tmp", "/run"]


def test_each_stanza_stands_under_the_files_it_came_from() -> None:
    text = render(stack(replace(spoke(), page="spokes/web.md", manifest="spokes/web.yaml"))).files
    assert b"  # spokes/web.md + spokes/web.yaml\n  web:\n" in text["docker-compose.yml"]


def test_the_bundle_is_plain_json_data() -> None:
    json.dumps(render(stack(spoke())).compose)


@pytest.mark.parametrize("check", [{"disable": True}, {"test": ["NONE"]}])
def test_nothing_waits_for_the_health_of_a_spoke_that_measures_none(check: dict[str, Any]) -> None:
    waiting = spoke("app", depends_on={"web": {"condition": "service_healthy", "required": True}})
    rendered = stanza(stack(spoke(healthcheck=check), waiting), "app")
    assert rendered["depends_on"]["web"]["condition"] == "service_started"
