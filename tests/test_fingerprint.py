"""A fingerprint changes with what a spoke declares, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackctl import fingerprint
from stackctl.model import Edge, Kind, Route, Spoke, Stack
from stackctl.render import render
from stackctl.templates import packaged_dir

WEB: dict[str, Any] = {
    "image": "nginx:1.29-alpine",
    "environment": {"A": "1"},
    "networks": {"proxy": {}},
    "volumes": [{"type": "bind", "source": "./web", "target": "/etc/web", "read_only": True}],
    "profiles": ["core"],
    "depends_on": {"traefik": {"condition": "service_started"}},
    "deploy": {"replicas": 1},
}
SPOKE = Spoke("web", Kind.APP, WEB, routes=(Route(("web.localhost",), 80),))
TRAEFIK = Spoke("traefik", Kind.EDGE, {"image": "traefik:v3.7", "networks": {"proxy": {}}})
NETWORKS = {"proxy": {"name": "s_proxy"}, "socket": {"name": "s_socket", "internal": True}}
STACK = Stack(
    "s", (TRAEFIK, SPOKE), edge=Edge.TRAEFIK, networks=NETWORKS, files={"web/site.conf": b"a", "other": b"b"}
)


def digest(stack: Stack, spoke: str = "web") -> str:
    return render(stack).fingerprints[spoke].digest


def with_spoke(**changes: Any) -> Stack:
    return replace(STACK, spokes=(TRAEFIK, replace(SPOKE, **changes)))


def with_service(**changes: Any) -> Stack:
    return with_spoke(service={**WEB, **changes})


@pytest.mark.parametrize(
    "changed",
    [
        with_service(profiles=["other"]),
        with_service(depends_on={}),
        with_service(deploy={"replicas": 3}),
        with_service(scale=2),
        with_service(environment={"A": "1"}, labels={}),
        with_spoke(title="Another title", status="done", page="spokes/web.md"),
        replace(STACK, files={**STACK.files, "other": b"changed"}),
    ],
    ids=["profile", "order", "replicas", "scale", "empty labels", "prose", "a file nobody mounts"],
)
def test_what_leaves_the_container_as_it_is_changes_no_fingerprint(changed: Stack) -> None:
    assert digest(changed) == digest(STACK)


@pytest.mark.parametrize(
    ("changed", "moved"),
    [
        (with_service(image="nginx:1.30-alpine"), "image"),
        (with_service(environment={"A": "2"}), "stanza"),
        (with_service(environment={"A": "${A}"}), "stanza"),
        (with_spoke(kind=Kind.JOB), "stanza"),
        (replace(STACK, files={"web/site.conf": b"changed"}), "config"),
        (replace(STACK, files={**STACK.files, "web/more.conf": b""}), "config"),
        (with_spoke(routes=(Route(("other.localhost",), 80),)), "route"),
        (with_spoke(routes=(Route(("web.localhost",), 8080),)), "route"),
    ],
)
def test_what_is_declared_moves_its_own_input_alone(changed: Stack, moved: str) -> None:
    before, after = render(STACK).fingerprints["web"], render(changed).fingerprints["web"]
    assert {name for name in before.inputs if before.inputs[name] != after.inputs[name]} == {moved}
    assert before.digest != after.digest


def test_a_digest_counts_and_the_tag_beside_it_does_not() -> None:
    pinned = "@sha256:" + "0" * 64
    assert digest(with_service(image=f"nginx:1{pinned}")) == digest(with_service(image=f"nginx:2{pinned}"))
    assert digest(with_service(image="nginx:1")) != digest(with_service(image="nginx:2"))


def test_a_route_of_another_spoke_leaves_the_edge_alone() -> None:
    assert digest(with_spoke(routes=()), "traefik") == digest(STACK, "traefik")


def test_an_edge_changes_with_what_its_configuration_says() -> None:
    renamed = replace(STACK, networks={**NETWORKS, "proxy": {"name": "other"}})
    assert digest(renamed, "traefik") != digest(STACK, "traefik")


def test_a_copy_of_a_packaged_template_is_nobodys_change() -> None:
    name = "kinds/app.yaml.j2"
    copied = replace(STACK, templates={name: (packaged_dir() / name).read_text()})
    assert digest(copied) == digest(STACK)
    assert render(copied).files == render(STACK).files


def test_an_own_template_counts_by_its_result() -> None:
    own = {"kinds/app.yaml.j2": "restart: always\n"}
    same = {"kinds/app.yaml.j2": "# a comment\nrestart: always\n"}
    assert digest(replace(STACK, templates=own)) != digest(STACK)
    assert digest(replace(STACK, templates=same)) == digest(replace(STACK, templates=own))


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("0" * 64, True),
        ("0" * 12, True),
        ("sha256:" + "0" * 12, True),
        ("0" * 11, False),
        ("0", False),
        ("", False),
        ("0" * 11 + "1", False),
    ],
)
def test_a_record_needs_twelve_digits_to_mean_something(text: str, same: bool) -> None:
    assert fingerprint.recorded(text, "0" * 64) is same


def test_the_applied_fingerprint_says_nothing_without_the_key() -> None:
    found = render(STACK).fingerprints["web"]
    secret = {"environment": {"PASSWORD": "hunter2"}}
    one = fingerprint.applied(found, secret, "sha256:1", b"key one")
    assert one == fingerprint.applied(found, secret, "sha256:1", b"key one")
    assert one.split(".")[:2] == ["1", found.short]
    other_key = fingerprint.applied(found, secret, "sha256:1", b"key two")
    assert one.split(".")[2] != other_key.split(".")[2]
    assert one.split(".")[3] != other_key.split(".")[3]
    assert one != fingerprint.applied(found, secret, "sha256:2", b"key one")
    assert one != fingerprint.applied(found, {"environment": {"PASSWORD": "x"}}, "sha256:1", b"key one")


def test_what_is_routed_nowhere_is_labelled_alike_behind_every_edge() -> None:
    def labels(route: Any, *, with_route: bool) -> dict[str, str]:
        found = fingerprint.declared(image="a", stanza={}, config={}, route=route)
        return fingerprint.labels("a", found, "r" * 12, with_route=with_route)

    assert labels([], with_route=True) == labels([], with_route=False)
    assert labels(["a.localhost"], with_route=True) != labels(["a.localhost"], with_route=False)
