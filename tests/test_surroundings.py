"""What no spoke owns and `up` cannot change is shown, with whose doing it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackctl.model import Bundle, Container, Kind, Observed, Spoke, Stack, Who
from stackctl.surroundings import digests, notices
from stackctl.throwaway_labels import OWNER_LABEL, RUN_LABEL, STACK_LABEL

DECLARED: dict[str, Any] = {
    "proxy": {"name": "s_proxy"},
    "socket": {"name": "s_socket", "internal": True, "labels": {"a": "b"}},
    "fixed": {"ipam": {"config": [{"subnet": "10.1.0.0/24"}]}, "driver_opts": {"mtu": 1400}},
    "outside": {"name": "lan", "external": True},
    "by_variable": {"driver": "${DRIVER}"},
}
PROXY = Spoke("guard", Kind.SOCKET_PROXY, {"networks": {"socket": None}})
STACK = Stack("s", (PROXY,), networks=DECLARED)
BUNDLE = Bundle(
    {"networks": DECLARED, "volumes": {"data": None, "nfs": {"driver_opts": {"o": "ro"}}}}, {}, {}
)


def made(**changed: Any) -> dict[str, Any]:
    return {"Driver": "bridge", "Internal": False, "Labels": {}, "Options": {}, **changed}


NETWORKS = {
    "s_proxy": made(),
    "s_socket": made(Internal=True, Labels={"a": "b", "com.docker.compose.network": "socket"}),
    "s_fixed": made(
        IPAM={"Config": [{"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1"}]}, Options={"mtu": "1400"}
    ),
    "lan": made(Internal=True),
    "s_by_variable": made(Driver="macvlan"),
}
VOLUMES = {"s_data": {"Driver": "local"}, "s_nfs": {"Driver": "local", "Options": {"o": "ro"}}}
SEEN = Observed("s", (), networks=NETWORKS, volumes=VOLUMES)


def told(observed: Observed, applied: dict[str, str] | None = None) -> list[tuple[str, str, str, str, str]]:
    found = notices(STACK, BUNDLE, observed, digests(STACK, BUNDLE) if applied is None else applied)
    assert all(notice.remedy for notice in found)
    return [(n.about, c.who.value, c.field, c.old, c.new) for n in found for c in n.causes]


def test_what_is_as_declared_and_what_is_not_there_yet_is_not_mentioned() -> None:
    assert told(SEEN) == []
    assert told(Observed("s", ())) == []


@pytest.mark.parametrize(
    ("network", "changed", "field", "old", "new"),
    [
        ("s_socket", {"Internal": False}, "internal", "", "true"),
        ("s_proxy", {"Internal": True}, "internal", "true", ""),
        ("s_proxy", {"Driver": "macvlan"}, "driver", "macvlan", "bridge"),
        ("s_proxy", {"Attachable": True}, "attachable", "true", ""),
        ("s_socket", {"Labels": {}}, "labels.a", "", "b"),
        (
            "s_fixed",
            {"IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}]}},
            "ipam.subnet",
            "10.9.0.0/24",
            "10.1.0.0/24",
        ),
        ("s_fixed", {"Options": {}}, "driver_opts.mtu", "", "1400"),
    ],
)
def test_a_network_that_was_made_anew_by_hand_is_the_hosts(
    network: str, changed: dict[str, Any], field: str, old: str, new: str
) -> None:
    there = {**NETWORKS, network: {**NETWORKS[network], **changed}}
    assert told(replace(SEEN, networks=there)) == [(f"network {network}", "the host", field, old, new)]


def test_a_volume_is_compared_too_and_a_change_of_the_files_is_yours_with_its_place() -> None:
    there = replace(SEEN, volumes={**VOLUMES, "s_nfs": {"Driver": "local", "Options": None}})
    assert told(there) == [("volume s_nfs", "the host", "driver_opts.o", "", "ro")]
    applied = {**digests(STACK, BUNDLE), "volume s_nfs": "another"}
    [notice] = notices(STACK, BUNDLE, there, applied)
    assert notice.causes[0].who is Who.YOU
    assert str(notice.causes[0].at) == "stack.yaml:1:1"


def other(name: str, *networks: str, **labels: str) -> Container:
    where = dict.fromkeys(networks, "10.0.0.9")
    return Container("1", name, "", "", "running", "", 0, 0, labels, where, (), ())


def test_a_stranger_on_the_network_of_a_socket_proxy_is_named() -> None:
    there = (other("evil", "s_socket"), other("fine", "s_proxy", "lan"))
    assert told(replace(SEEN, others=there)) == [("network s_socket", "the host", "member", "evil", "")]
    prober = other("p", "s_socket", **dict.fromkeys((STACK_LABEL, OWNER_LABEL, RUN_LABEL), "1"))
    assert told(replace(SEEN, others=(prober,))) == [], "a check of stackctl's own is no stranger"


def test_a_stranger_is_named_that_bears_one_of_stackctls_labels() -> None:
    stranger = other("evil", "s_socket", **{STACK_LABEL: "s"})
    assert told(replace(SEEN, others=(stranger,))) == [("network s_socket", "the host", "member", "evil", "")]
