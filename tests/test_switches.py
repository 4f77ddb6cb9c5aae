"""What is known of the switches, as far as it needs no proxy; `test_policy_engine.py` holds it against HAProxy."""

from __future__ import annotations

import pytest

from stackctl.api import operations
from stackctl.switches import LINUXSERVER, TECNATIVA, Switches, dialect_of, is_measured, is_on

LIFECYCLE = dict.fromkeys(TECNATIVA.lifecycle, "1")
EVERYTHING = dict.fromkeys(TECNATIVA.switches, "1")


@pytest.mark.parametrize(
    ("environment", "count"),
    [
        ({}, 4),
        ({"CONTAINERS": "1"}, 16),
        ({"CONTAINERS": "1", "POST": "1"}, 35),
        ({**LIFECYCLE, "POST": "0"}, 4),
        ({**LIFECYCLE, "POST": "1"}, 8),
        ({**EVERYTHING, "POST": "0"}, 50),
        (EVERYTHING, 118),
        (dict.fromkeys(TECNATIVA.on, "0"), 0),
    ],
)
def test_as_many_operations_are_open_as_were_measured(environment: dict[str, str], count: int) -> None:
    assert len(Switches(TECNATIVA, environment).opens()) == count


def test_the_switch_of_an_operation_opens_it_and_without_it_nothing_does() -> None:
    off = dict.fromkeys(TECNATIVA.switches, "0")
    for operation in operations():
        alone = Switches(
            TECNATIVA, {**off, "POST": "1", **({operation.switch: "1"} if operation.switch else {})}
        )
        assert (operation in alone.opens()) == bool(operation.switch), str(operation)


@pytest.mark.parametrize(
    ("value", "on"),
    [
        ("1", True),
        ("0", False),
        ("", False),
        ("true", False),
        ("yes", False),
        ("2", True),
        ("-1", True),
        ("01", True),
        ("1x", True),
        (" 1", False),
        ("+1", True),
        ("TRUE", False),
    ],
)
def test_switches_are_numbers(value: str, on: bool) -> None:
    """Each seen with `env(X) -m bool` under HAProxy 2.6 and 3.0."""
    assert is_on(value) is on


def test_a_value_that_only_the_host_knows_counts_as_on() -> None:
    assert Switches(TECNATIVA, {"CONTAINERS": "${CONTAINERS:-0}"}).is_on("CONTAINERS")
    assert Switches(TECNATIVA, {"CONTAINERS": None}).is_on("CONTAINERS")


@pytest.mark.parametrize(
    ("method", "target", "passes"),
    [
        ("GET", "/v1.41/containers/json?all=1", True),
        ("GET", "/V1.41/CONTAINERS/json", True),
        ("GET", "/%63ontainers/json", True),
        ("GET", "http://docker/containers/json", True),
        ("GET", "/containersX", True),
        ("GET", "/version/../images/json", True),
        ("GET", "/version%2f..%2fimages/json", True),
        ("GET", "//containers/json", False),
        ("GET", "/images/json?/containers/json", False),
        ("GET", "/images/json://x/containers/json", False),
        ("GET", "/containers/json%", False),
        ("GET", "*", False),
        ("HEAD", "/containers/json", True),
        ("get", "/containers/json", False),
        ("POST", "/containers/create", False),
        ("OPTIONS", "/containers/json", False),
    ],
)
def test_a_switch_opens_a_beginning_of_the_decoded_path(method: str, target: str, passes: bool) -> None:
    assert Switches(TECNATIVA, {"CONTAINERS": "1"}).passes(method, target) is passes


def test_linuxserver_lets_lifecycle_switches_pass_the_gate_for_every_method() -> None:
    environment = {"ALLOW_START": "1", "POST": "0"}
    for method, target in (("DELETE", "/containers/x/start"), ("POST", "/v1.41/containers/x/startfoo")):
        assert Switches(LINUXSERVER, environment).passes(method, target)
        assert not Switches(TECNATIVA, environment).passes(method, target)


def test_linuxserver_keeps_leaks_closed_but_for_names_with_a_slash() -> None:
    closed = Switches(LINUXSERVER, {"CONTAINERS": "1"})
    assert not closed.passes("GET", "/containers/x/archive?path=/")
    assert closed.passes("GET", "/containers/a/b/archive")
    assert closed.passes("GET", "/containers/x/attach/ws")
    assert Switches(LINUXSERVER, {"CONTAINERS": "1", "ALLOW_LOGS": "1"}).passes("GET", "/containers/x/logs")


@pytest.mark.parametrize(
    ("image", "dialect", "measured"),
    [
        ("tecnativa/docker-socket-proxy:v0.4.1@sha256:00", TECNATIVA, True),
        ("tecnativa/docker-socket-proxy:0.1.2", TECNATIVA, True),
        ("tecnativa/docker-socket-proxy:0.1.1", TECNATIVA, False),
        ("tecnativa/docker-socket-proxy:v0.4.2", TECNATIVA, False),
        ("tecnativa/docker-socket-proxy:latest", TECNATIVA, False),
        ("tecnativa/docker-socket-proxy", TECNATIVA, False),
        ("ghcr.io/tecnativa/docker-socket-proxy:0.3.0", TECNATIVA, True),
        ("lscr.io/linuxserver/socket-proxy:3.2.4", LINUXSERVER, False),
        ("wollomatic/socket-proxy:1.13.1", None, False),
    ],
)
def test_only_measured_versions_count_as_measured(image: str, dialect: object, measured: bool) -> None:
    found = dialect_of(image)
    assert found is dialect
    assert found is None or is_measured(found, image) is measured
