"""A manifest speaks Compose: whatever short form it uses, one long form comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stackctl.model import Backup, Hardening, Kind
from stackctl.read.compose_keys import known, service_forms
from stackctl.read.manifest import OWN_KEYS, read_manifest
from stackctl.read.partial import Partial
from stackctl.read.text import Source


def read(text: str) -> Partial:
    return read_manifest(Source("spokes/a.yaml", text))


def service(text: str) -> Any:
    partial = read(text)
    assert partial.findings == ()
    return partial.service


def codes(text: str) -> list[str]:
    return [f"{finding.code} {finding.at.line}:{finding.at.column}" for finding in read(text).findings]


BIND = {"bind": {"create_host_path": False}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("80", [{"target": 80, "protocol": "tcp"}]),
        ('"53:53/udp"', [{"target": 53, "published": "53", "protocol": "udp"}]),
        ('"[::1]:81:80"', [{"target": 80, "published": "81", "host_ip": "::1", "protocol": "tcp"}]),
        ('"127.0.0.1::80"', [{"target": 80, "host_ip": "127.0.0.1", "protocol": "tcp"}]),
        ('"${PORT:-8080}:80"', [{"target": 80, "published": "${PORT:-8080}", "protocol": "tcp"}]),
        (
            '"81-82:80-81"',
            [
                {"target": 80, "published": "81", "protocol": "tcp"},
                {"target": 81, "published": "82", "protocol": "tcp"},
            ],
        ),
        (
            '{target: "80", published: 8080, mode: host}',
            [{"target": 80, "published": "8080", "mode": "host", "protocol": "tcp"}],
        ),
    ],
)
def test_ports(text: str, value: Any) -> None:
    assert service(f"ports: [{text}]")["ports"] == value


@pytest.mark.parametrize(
    "text", ["0", "65536", "a", '"80:a"', '"1-3:1-2"', "true", "{published: 1}", "1-99999"]
)
def test_ports_that_are_none(text: str) -> None:
    assert codes(f"ports: [{text}]") == ["SC103 1:9"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("data:/data", {"type": "volume", "source": "data", "target": "/data"}),
        ("/a:/b", {"type": "bind", "source": "/a", "target": "/b", **BIND}),
        ("./a:/b:ro", {"type": "bind", "source": "./a", "target": "/b", "read_only": True, **BIND}),
        ("${D:-/x:y}:/b", {"type": "bind", "source": "${D:-/x:y}", "target": "/b", **BIND}),
        ("/only", {"type": "volume", "target": "/only"}),
        (
            "/a:/b:ro,Z,rslave",
            {
                "type": "bind",
                "source": "/a",
                "target": "/b",
                "read_only": True,
                "bind": {"create_host_path": False, "selinux": "Z", "propagation": "rslave"},
            },
        ),
        (
            "data:/d:nocopy",
            {"type": "volume", "source": "data", "target": "/d", "volume": {"nocopy": True}},
        ),
    ],
)
def test_volumes_in_short_syntax(text: str, value: Any) -> None:
    assert service(f'volumes: ["{text}"]')["volumes"] == [value]


def test_volumes_in_long_syntax_never_create_a_path_unless_told_to() -> None:
    told = "{type: bind, source: /a, target: /b, bind: {create_host_path: true}}"
    plain = "{type: bind, source: /a, target: /b}"
    sizes = "{type: tmpfs, target: /t, tmpfs: {size: 64m, mode: 0700}}"
    found = service(f"volumes: [{told}, {plain}, {sizes}]")["volumes"]
    assert found[0]["bind"] == {"create_host_path": True}
    assert found[1]["bind"] == {"create_host_path": False}
    assert found[2]["tmpfs"] == {"size": "64m", "mode": 0o700}


@pytest.mark.parametrize(
    "text", ["data", "a:b", "./a:b", "a:/b:odd", "C:/a:/b", "a:/b:ro:rw", "a b:/c", ":/a"]
)
def test_volumes_that_are_none(text: str) -> None:
    assert codes(f'volumes: ["{text}"]') == ["SC103 1:11"]


def test_environment_keeps_values_as_they_were_written() -> None:
    found = service("environment: {V: 1.10, M: 0123, T: True, N: , S: '', Q: '1'}")["environment"]
    assert found == {"V": "1.10", "M": "0123", "T": "true", "N": None, "S": "", "Q": "1"}


def test_environment_as_a_list_has_the_same_form_and_its_places() -> None:
    partial = read('environment:\n  - A=1=2\n  - B\n  - "C="\n')
    assert partial.service["environment"] == {"A": "1=2", "B": None, "C": ""}
    assert str(partial.at("environment", "B")) == "spokes/a.yaml:3:5"


def test_labels_without_a_value_are_empty() -> None:
    assert service("labels: [a, b=1]")["labels"] == {"a": "", "b": "1"}


def test_commands_are_lists_of_words() -> None:
    found = service("command: sh -c 'echo $$A'\nentrypoint: []\nhealthcheck: {test: curl x}")
    assert found["command"] == ["sh", "-c", "echo $$A"]
    assert found["entrypoint"] == []
    assert found["healthcheck"] == {"test": ["CMD-SHELL", "curl x"]}


def test_networks_dependencies_and_files_are_maps_and_lists_of_maps() -> None:
    found = service(
        "networks: [a]\ndepends_on: [b]\nenv_file: c.env\nsecrets: [d, {source: e, mode: 0440}]\nbuild: ."
    )
    assert found == {
        "networks": {"a": {}},
        "depends_on": {"b": {"condition": "service_started", "required": True}},
        "env_file": [{"path": "c.env", "required": True}],
        "secrets": [{"source": "d"}, {"source": "e", "mode": 0o440}],
        "build": {"context": "."},
    }


def test_every_compose_key_has_a_form_that_is_read() -> None:
    for key in service_forms():
        read(f"{key}: 1\n")
        read(f"{key}: [1]\n")
        read(f"{key}: {{a: 1}}\n")


def test_no_own_key_is_a_key_of_compose() -> None:
    newer = {key.removeprefix("service.") for key in known()["newer"]}
    assert not {*OWN_KEYS} & {*service_forms(), *newer}


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("imgae", "did you mean `image`?"),
        ("volume", "did you mean `volumes`?"),
        ("acept", "did you mean `accept`?"),
        ("qqqqqq", "remove it, or write the key that is meant"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(key: str, says: str) -> None:
    [finding] = read(f"{key}: 1").findings
    assert (finding.code, finding.hint) == ("SC102", says)


@pytest.mark.parametrize(
    "key", [key.removeprefix("service.") for key in known()["newer"] if "service." in key]
)
def test_a_key_of_a_newer_compose_is_told_apart_from_a_typing_error(key: str) -> None:
    [finding] = read(f"{key}: 1").findings
    assert "Compose" in finding.message
    assert "did you mean" not in finding.hint


def test_a_schedule_is_what_cron_takes() -> None:
    assert read('schedule: " */15  3 * * mon-fri"').schedule == "*/15 3 * * mon-fri"
    assert read('schedule: "@daily"').schedule == "@daily"
    for wrong in ("soon", '"60 * * * *"', "3", "[1]", '"* * * *"', '"5-1 * * * *"', '"* * * * * rm"'):
        [finding] = read(f"schedule: {wrong}").findings
        assert (finding.code, "@daily" in finding.hint) == ("SC103", True)


def test_how_long_requests_in_flight_are_given_is_a_duration() -> None:
    assert read("settle: 1m30s").settle == 90
    assert read("settle: 0").settle == 0
    for wrong in ("soon", "-1", "true", "2h"):
        [finding] = read(f"settle: {wrong}").findings
        assert (finding.code, finding.message) == ("SC103", "`settle` must be a duration of at most an hour")


def test_a_backup_is_a_command_or_a_folder() -> None:
    dump = read("backup: {command: [pg_dumpall, -U, app], restore: [psql, -U, app]}").backup
    assert dump == Backup(("pg_dumpall", "-U", "app"), ("psql", "-U", "app"))
    assert read("backup: {path: /data}").backup == Backup(path="/data")


@pytest.mark.parametrize(
    "wrong",
    [
        "yes",
        "{}",
        "{command: pg_dumpall}",
        "{command: [1]}",
        "{command: [a], path: /data}",
        "{path: data}",
        "{path: /data/../etc}",
        "{path: /}",
        "{path: /data, restore: [a]}",
    ],
)
def test_a_backup_that_cannot_be_read_is_an_error(wrong: str) -> None:
    assert [finding.code for finding in read(f"backup: {wrong}").findings] == ["SC103"]


def test_own_keys() -> None:
    partial = read(
        "kind: job\nhardening: as-is\nsettings_dir: ./settings/a/\nphase: 2\nstatus: live\n"
        "accept: [{code: SC202, reason: ' pushed by hand '}]\nroute: {host: App.Example.org, port: 80}\n"
    )
    assert partial.findings == ()
    assert (partial.kind, partial.hardening) == (Kind.JOB, Hardening.AS_IS)
    assert (partial.settings_dir, partial.phase, partial.status) == ("settings/a", "2", "live")
    assert [(accept.code, accept.reason) for accept in partial.accept] == [("SC202", "pushed by hand")]
    [route] = partial.routes or ()
    assert (route.hosts, route.port, route.stated.path, route.stated.strip) == (
        ("app.example.org",),
        80,
        "/",
        False,
    )


HOSTILE = ["a`b", "a b", "{a}", "a)||Host(b", "-a", "a..b", "a\\nb", "a\\u0000b", "**.a", "a.*.b", "a:80", ""]


@pytest.mark.parametrize("host", HOSTILE)
def test_a_host_name_that_could_leave_its_rule_is_refused(host: str) -> None:
    partial = read(f"route: {json.dumps({'host': '@', 'port': 80})}".replace("@", host))
    assert [finding.code for finding in partial.findings] == ["SC110"]
    assert partial.routes == ()


@pytest.mark.parametrize("path", ["a", "/a b", "/`", "/{a}", "/a\\n", "/a?b", "/%2e", ""])
def test_a_path_that_could_leave_its_rule_is_refused(path: str) -> None:
    partial = read(f'route: {{host: a, port: 80, path: "{path}"}}')
    assert [finding.code for finding in partial.findings] == ["SC103"]
    assert partial.routes == ()


def test_a_check_becomes_a_draft_with_its_place() -> None:
    partial = read(
        "checks:\n  - {from: data, request: POST http://a:81/x?y=1, expect: {status: [200, 204], body: ok}}\n"
    )
    assert partial.findings == ()
    [draft] = partial.checks
    assert (draft.network, draft.method, draft.host, draft.port, draft.path) == (
        "data",
        "POST",
        "a",
        81,
        "/x?y=1",
    )
    assert (draft.expect.statuses, draft.expect.body) == (frozenset({200, 204}), "ok")
    assert (draft.title, str(draft.at)) == ("POST http://a:81/x?y=1", "spokes/a.yaml:2:5")


@pytest.mark.parametrize(
    "check",
    [
        "{request: http://a/}",
        "{request: http://a/, expect: {}}",
        "{request: http://a/, expect: {status: '200'}}",
        "{request: http://a/, expect: {status: 999}}",
        "{request: http://a/, expect: {status: 200, no_answer: true}}",
        "{request: BREW http://a/, expect: {status: 200}}",
        "{request: GET http://a/ http://b/, expect: {status: 200}}",
        "{request: https://a/, expect: {status: 200}}",
        '{request: "http://a/\\r\\nHost: b", expect: {status: 200}}',
        "{request: http://u:p@a/, expect: {status: 200}}",
        "{from: [], request: http://a/, expect: {status: 200}}",
    ],
)
def test_a_check_that_cannot_be_asked_is_an_error(check: str) -> None:
    partial = read(f"checks: [{check}]")
    assert [finding.code for finding in partial.findings] == ["SC103"]
    assert partial.checks == ()


@pytest.mark.parametrize(
    ("text", "path", "column"),
    [
        ("ports: ['80-82:80-82', '90:90']", ("ports", "2"), 9),
        ("ports: ['80-82:80-82', '90:90']", ("ports", "3"), 24),
        ("ports: [none, '90:90']", ("ports", "0"), 15),
        ("ports: ['90:90', '90:90', '91:91']", ("ports", "1"), 27),
        ("volumes: [none, './a:/b']", ("volumes", "0"), 17),
        ("volumes: [none, {type: bind, source: /a, target: /b}]", ("volumes", "0", "source"), 30),
        ("cap_add: [A, A, B]", ("cap_add", "1"), 17),
        ("env_file: [1, a.env]", ("env_file", "0"), 15),
        ("secrets: [{}, a]", ("secrets", "0"), 15),
        ("command: [[], b]", ("command", "0"), 15),
        ("route: [{port: x}, {host: a, port: 1}]", ("route", "0", "port"), 30),
    ],
)
def test_an_entry_keeps_its_place_when_others_are_dropped_or_spread_out(
    text: str, path: tuple[str, ...], column: int
) -> None:
    assert read(text).places[path].column == column


@pytest.mark.parametrize(
    "value", ["64m", "1.5g", "64MiB", "0.5 GB", "1048576", "'100'", "${LIMIT}", "${A:-1}g"]
)
@pytest.mark.parametrize("key", ["mem_limit", "memswap_limit", "mem_reservation", "shm_size"])
def test_a_size_is_read_as_compose_reads_it(key: str, value: str) -> None:
    service(f"{key}: {value}")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("mem_limit: 1.2.3g", "1:1"),
        ("memswap_limit: 2x", "1:1"),
        ("mem_reservation: -1", "1:1"),
        ("shm_size: 1 g b", "1:1"),
        ("stop_grace_period: 10 seconds", "1:1"),
        ("stop_grace_period: 10", "1:1"),
        ("healthcheck: {interval: 1.2.3s}", "1:15"),
        ("healthcheck: {interval: 1s, timeout: soon}", "1:29"),
        ("healthcheck: {start_period: -1s}", "1:15"),
        ("deploy: {resources: {limits: {memory: much}}}", "1:31"),
        ("tmpfs: [/a, /b:size=1.2.3m]", "1:13"),
        ("volumes: [{type: tmpfs, target: /a, tmpfs: {size: 1.2.3}}]", "1:45"),
    ],
)
def test_an_amount_that_compose_cannot_read_is_an_error_at_its_place(text: str, place: str) -> None:
    assert codes(text) == [f"SC103 {place}"]


def test_amounts_in_every_form_of_compose_are_read() -> None:
    service("memswap_limit: -1")
    service("stop_grace_period: 1m30s")
    service("healthcheck: {interval: 1.5s, timeout: '0', start_period: '${WAIT}'}")
    service("deploy: {resources: {limits: {memory: 50M}}}")
    service("tmpfs: ['/a:size=10%', '/b:mode=1777,size=64m', /c]")
    service("volumes: [{type: tmpfs, target: /a, tmpfs: {size: 1048576}}]")
