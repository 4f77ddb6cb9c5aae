"""What may stand beside its successor, and what must stop first."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from stackctl.model import Container, Kind, Route, RoutesBy, Routing, Spoke, Stack, Way
from stackctl.observe import container
from stackctl.replace import because_of_others, health_test, replacement, superfluous

SEEN: dict[str, Any] = json.loads((Path(__file__).parent / "observed" / "full.json").read_text())
HEALTHY: dict[str, Any] = {"image": "app", "healthcheck": {"test": ["CMD", "true"]}}
ROUTED: dict[str, Any] = {"labels": {"traefik.http.routers.app.rule": "Host(`a`)"}}


def running(state: str = "running", mounts: tuple[dict[str, Any], ...] = ()) -> Container:
    inspect = copy.deepcopy(SEEN["inspect"])
    inspect["State"]["Status"] = state
    inspect["Mounts"] = list(mounts)
    return container(inspect)


def volume(name: str, target: str) -> dict[str, Any]:
    return {"Type": "volume", "Name": name, "Destination": target, "RW": True}


def reasons(**service: Any) -> tuple[str, ...]:
    found = replacement(Spoke("app", Kind.APP, {}), {**HEALTHY, **service}, [running()])
    assert (found.way is Way.STOP_FIRST) is bool(found.reasons)
    return found.reasons


def test_what_holds_nothing_of_its_own_starts_beside_the_old_one() -> None:
    assert reasons() == ()
    assert (
        reasons(volumes=[{"type": "bind", "source": "/etc/app", "target": "/etc/app", "read_only": True}])
        == ()
    )
    assert reasons(volumes=[{"type": "tmpfs", "target": "/tmp"}], tmpfs=["/run"]) == ()
    assert reasons(ports=[{"target": 80}], networks={"proxy": None}, network_mode="bridge") == ()


@pytest.mark.parametrize(
    ("service", "reason"),
    [
        (
            {"volumes": [{"type": "volume", "source": "db", "target": "/data"}]},
            "it writes to volume db at /data",
        ),
        (
            {"volumes": [{"type": "bind", "source": "/srv", "target": "/data"}]},
            "it writes to folder /srv at /data",
        ),
        ({"volumes": [{"type": "volume", "target": "/data"}]}, "it writes to volume /data"),
        ({"volumes_from": ["db"]}, "it writes to what db mounts"),
        ({"ports": [{"target": 80, "published": "8080"}]}, "it publishes port 8080"),
        ({"container_name": "web"}, "its name is fixed: web"),
        ({"networks": {"proxy": {"ipv4_address": "10.0.0.7"}}}, "its address is fixed: 10.0.0.7"),
        ({"mac_address": "02:42:ac:11:00:02"}, "its address is fixed: 02:42:ac:11:00:02"),
        ({"network_mode": "host"}, "it shares a namespace (network_mode: host)"),
        ({"network_mode": "service:vpn"}, "it shares a namespace (network_mode: service:vpn)"),
        ({"pid": "host"}, "it shares a namespace (pid: host)"),
        ({"ipc": "container:x"}, "it shares a namespace (ipc: container:x)"),
        ({"devices": ["/dev/dri"]}, "it uses a device of the host"),
        (
            {"deploy": {"resources": {"reservations": {"devices": [{"driver": "nvidia"}]}}}},
            "it uses a device of the host",
        ),
        ({"privileged": True}, "it is privileged, so it may use any device"),
    ],
)
def test_what_cannot_stand_beside_itself_stops_first(service: dict[str, Any], reason: str) -> None:
    assert reasons(**service) == (reason,)


def test_a_volume_of_the_image_alone_is_seen_in_the_running_container() -> None:
    of_image = running(mounts=(volume("f" * 64, "/var/lib/app"), volume("stack_db", "/data")))
    wanted = {**HEALTHY, "volumes": [{"type": "volume", "source": "db", "target": "/data/"}]}
    found = replacement(Spoke("app", Kind.APP, {}), wanted, [of_image])
    assert found.data == ("volume db at /data/", "volume /var/lib/app")


def test_without_a_health_test_nothing_tells_when_the_new_one_works() -> None:
    routed = Spoke("app", Kind.APP, {}, routes=(Route(("a",), 80),))
    told = ("it has no health test, so nothing tells when its successor works",)
    assert replacement(routed, {"image": "app"} | ROUTED, [running()]).reasons == told
    assert replacement(routed, HEALTHY | ROUTED, [running()]).way is Way.BESIDE


def test_a_health_test_of_the_image_counts_unless_it_is_switched_off() -> None:
    image = {"Healthcheck": {"Test": ["CMD", "true"]}}
    assert health_test({}, image)
    assert not health_test({"healthcheck": {"disable": True}}, image)
    assert not health_test({"healthcheck": {"test": ["NONE"]}}, image)
    assert not health_test({"healthcheck": {"interval": "3s"}}, {})
    assert health_test({"healthcheck": {"test": "curl localhost"}}, {})


def test_what_does_not_run_leaves_no_gap_when_it_is_replaced_in_place() -> None:
    found = replacement(Spoke("app", Kind.APP, {}), HEALTHY, [running("exited")])
    assert found.reasons == ("nothing of it runs",)


def test_a_job_has_nothing_to_take_over_from() -> None:
    assert replacement(Spoke("app", Kind.JOB, {}), HEALTHY, [running("exited")]).way is Way.JOB


def test_whoever_sits_in_the_namespace_of_another_keeps_it_from_standing_beside_itself() -> None:
    inside = Spoke("inside", Kind.APP, {"network_mode": "service:vpn"})
    stack = Stack("s", (inside, Spoke("vpn", Kind.APP, {})))
    others = because_of_others(stack, "vpn", {}, [running()])
    found = replacement(stack.spoke("vpn"), HEALTHY, [running()], others=others)
    assert found.reasons == ("inside shares its namespace",)


def test_routes_in_files_that_name_each_of_several_containers_keep_them_from_standing_side_by_side() -> None:
    def others(by: RoutesBy, scale: int) -> list[str]:
        app = Spoke("app", Kind.APP, {"scale": scale}, routes=(Route(("a.localhost",), 80),))
        stack = Stack("s", (app,), routing=Routing(by=by))
        return [*because_of_others(stack, "app", {}, [running()])]

    assert others(RoutesBy.FILES, 2) == ["its route names each of its containers"]
    assert others(RoutesBy.FILES, 1) == others(RoutesBy.LABELS, 2) == []


def one_of(id: str, digest: str, state: str = "running", health: str = "") -> Container:
    inspect = copy.deepcopy(SEEN["inspect"])
    inspect["Id"] = id
    inspect["State"] |= {"Status": state, "Health": {"Status": health}}
    inspect["Config"]["Labels"]["com.docker.compose.config-hash"] = digest
    return container(inspect)


@pytest.mark.parametrize(
    ("containers", "going"),
    [
        ([one_of("old", "1"), one_of("new", "2", health="healthy")], ["old"]),
        ([one_of("old", "1"), one_of("new", "2", health="starting")], ["new"]),
        ([one_of("old", "1"), one_of("new", "2")], ["new"]),
        ([one_of("old", "1"), one_of("new", "2", "created")], ["new"]),
        ([one_of("old", "1", "exited"), one_of("new", "2")], ["old"]),
        ([one_of("old", "1", "exited"), one_of("new", "2", "created")], ["old"]),
        ([one_of("a", "2"), one_of("b", "2")], []),
        ([one_of("a", "1"), one_of("b", "1")], []),
    ],
)
def test_of_two_containers_the_one_that_is_proved_stays(
    containers: list[Container], going: list[str]
) -> None:
    assert [c.id for c in superfluous(containers, "2", 1)] == going
