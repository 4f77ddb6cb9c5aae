"""The rendered configuration, as far as no HAProxy is needed to judge it."""

from __future__ import annotations

import pytest

from stackctl.api import consumer, operation, operations
from stackctl.haproxy import Timeouts, config, is_socket_path, stanza, volumes


def lines(text: str, begins: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith(begins)]


def test_the_same_operations_give_the_same_bytes() -> None:
    assert config(operations()) == config(reversed(operations()))


def test_one_anchored_rule_for_each_operation_and_no_decoding() -> None:
    text = config(operations())
    rules = lines(text, "http-request set-var(txn.way)")
    assert len(rules) == len(operations())
    assert all("-m reg '^" in rule and rule.endswith("$' }") for rule in rules)
    assert "url_dec" not in text
    assert " path" not in text


def test_an_empty_policy_refuses_everything() -> None:
    text = config([])
    assert lines(text, "http-request set-var(txn.way)") == []
    assert lines(text, "http-request return status 403")


def test_only_what_reads_opens_no_way_for_bodies_and_upgrades() -> None:
    traefik = consumer("traefik")
    assert traefik
    text = config(traefik.required)
    assert "txn.upgrade) bool(true)" not in text
    assert "'^(?!(host|user-agent)$)'" in text
    assert "engine-streams" not in text


def test_timeouts_of_events_and_of_other_streams() -> None:
    wanted = [o for text in ("GET /events", "GET /containers/{id}/logs") if (o := operation(text))]
    text = config(wanted, timeouts=Timeouts(client=1, server=2, stream=3))
    assert lines(text, "timeout server") == ["timeout server 2s", "timeout server 24d", "timeout server 3s"]


@pytest.mark.parametrize(
    "path", ["x", "/a/../b", "/a b", "/a\n    bind :80", "/" + "a" * 100, "//a", "/a/", "/a'"]
)
def test_no_text_gets_in_by_a_path(path: str) -> None:
    assert not is_socket_path(path)
    with pytest.raises(ValueError, match="no path for a socket"):
        config([], listen=path)


def test_a_unix_socket_closes_the_tcp_port_and_needs_a_volume_that_its_owner_may_write() -> None:
    text = config([], listen="/run/docker-api/docker.sock")
    assert "bind unix@/run/docker-api/docker.sock mode 666 proto h1" in text
    assert ":2375" not in text
    mount = stanza("proxy", "/run/docker-api/docker.sock")["volumes"][1]
    assert mount == {"type": "volume", "source": "proxy-api", "target": "/run/docker-api"}
    assert volumes("proxy", "/run/docker-api/docker.sock")["proxy-api"]["driver_opts"]["o"].startswith(
        "uid=65534"
    )
    assert volumes("proxy") == {}


def test_the_container_has_no_rights_and_obeys_its_stop_signal() -> None:
    found = stanza("proxy")
    assert found["user"] == "65534:${SOCKET_GID:-65534}"
    assert found["cap_drop"] == ["ALL"]
    assert found["read_only"] is True
    assert found["entrypoint"][:3] == ["haproxy", "-W", "-db"]
    assert found["stop_signal"] == "SIGTERM"
