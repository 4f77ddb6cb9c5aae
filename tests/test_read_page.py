"""A page is read as people write it; what cannot be read is a warning, never a crash and never silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackctl.findings import Severity
from stackctl.model import Check, Kind, Mount, Named, Request, Spoke
from stackctl.read.page import read_page
from stackctl.read.page_values import is_none, items, without_comment
from stackctl.read.partial import Partial
from stackctl.read.stack import read_stack
from stackctl.read.text import Source

SEED = Path(__file__).parent / "cases" / "seed-002" / "spokes" / "docker-socket-proxy.md"


def read(text: str) -> Partial:
    return read_page(Source("spokes/a.md", text))


def told(partial: Partial) -> list[tuple[str, int]]:
    return [(finding.code, finding.at.line) for finding in partial.findings]


# ---- the page that the format comes from


@pytest.fixture(scope="module")
def seed() -> Spoke:
    reading = read_stack({"stack.yaml": b"name: homelab", f"spokes/{SEED.name}": SEED.read_bytes()})
    assert reading.stack is not None
    assert all(finding.severity is Severity.WARNING for finding in reading.findings)
    return reading.stack.spoke("docker-socket-proxy")


def test_the_seed_is_a_socket_proxy_by_its_image(seed: Spoke) -> None:
    assert (seed.kind, seed.image) == (Kind.SOCKET_PROXY, "tecnativa/docker-socket-proxy:0.1.2")
    assert (seed.title, seed.status, seed.phase) == (
        "Docker Socket Proxy",
        "🟡 In Progress",
        "0 — Scaffolding",
    )


def test_the_seed_mounts_the_socket_and_sits_on_one_network(seed: Spoke) -> None:
    source = "/run/user/${UID}/docker.sock"
    assert seed.mounts == (Mount("bind", source, "/var/run/docker.sock", read_only=True),)
    assert (seed.networks, seed.ports, seed.routes, seed.dependencies) == (("socket",), (), (), ())
    values = {"CONTAINERS": "1", "NETWORKS": "1", "SERVICES": "0", "TASKS": "0", "POST": "0"}
    assert seed.environment == values


def test_the_seed_s_verify_block_expects_exactly_the_refusal_and_has_its_control(seed: Spoke) -> None:
    target = Named("docker-socket-proxy", 2375)
    [check] = seed.checks
    assert isinstance(check, Check)
    assert check.look == Request("socket", target, "POST", "/containers/create")
    assert check.expect.statuses == frozenset({403})
    [control] = check.controls
    assert control.request == Request("socket", target, "GET", "/version")
    assert (control.expect.statuses, control.proves) == (
        frozenset({200}),
        "the proxy answers allowed requests",
    )


def test_the_seed_s_issues_and_footer_are_read_and_its_placeholders_are_not(seed: Spoke) -> None:
    assert [issue.symptom for issue in seed.issues] == [
        "Caddy can't discover containers",
        "Permission denied on socket",
    ]
    assert seed.issues[0].fix == "Verify environment vars in compose file; restart proxy"
    assert seed.recorded.last_updated == "2025-10-26"
    assert (seed.recorded.fingerprint, seed.recorded.last_pass, seed.recorded.artifacts) == ("", "", "")


def test_the_seed_s_fields_have_the_places_of_the_file_as_it_stands(seed: Spoke) -> None:
    raw = SEED.read_text(encoding="utf-8").split("\n")
    at = seed.at("environment", "POST")
    assert raw[at.line - 1][at.column - 1 :].startswith("`POST=0`")
    at = seed.at("volumes", "0")
    assert raw[at.line - 1][at.column - 1 :].startswith("/run/user/${UID}/docker.sock:")


# ---- values


@pytest.mark.parametrize(
    "text",
    [
        "None",
        "none (internal)",
        "N/A",
        "n/a (reason)",
        "`None`",
        "TBD",
        "`TBD` (later)",
        "—",
        "Not yet tested",
    ],
)
def test_ways_to_say_none(text: str) -> None:
    assert is_none(text)
    assert items(text) == []


@pytest.mark.parametrize(
    "text", ["nonesuch", "n-a", "none-such", "naming", "-x", "todo-app", "tbd.example.org"]
)
def test_values_that_only_look_like_none(text: str) -> None:
    assert not is_none(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("socket (internal)", ["socket"]),
        ("`a`, `b` and `c` — as `d`", ["a", "b", "c"]),
        ("`a` (see `x`), `b`", ["a", "b"]),
        ("proxy, socket (internal, quiet)", ["proxy", "socket"]),
        ("proxy and socket", ["proxy", "socket"]),
        ("[Caddy](caddy.md), [Docs](../README.txt)", ["caddy", "Docs"]),
        ("nginx:1.29 - the web server", ["nginx:1.29"]),
        ("a-b", ["a-b"]),
        ("``Host(`a`)``", ["Host(`a`)"]),
        ("`", []),
    ],
)
def test_values_without_their_comments(text: str, values: list[str]) -> None:
    if text.startswith("``"):
        assert without_comment(text) == values[0]
    else:
        assert [item.text for item in items(text)] == values


# ---- fields


@pytest.mark.parametrize(
    "line",
    [
        "**Image:** `app:1.0`",
        "**Image**: app:1.0",
        "__Image:__ app:1.0 — the app",
        "- **Image:** `app:1.0` (pinned later)",
        "* **IMAGE** : `app:1.0`",
        "> **Image:** app:1.0",
        "1. **Image:** app:1.0",
    ],
)
def test_a_field_in_every_dress(line: str) -> None:
    for page in (
        f"# A\n\n{line}\n",
        f"# A\n\n## Configuration\n\n{line}\n",
        f"# A\n\n## ⚙️ Configuration:\n{line}",
    ):
        partial = read(page)
        assert partial.service == {"image": "app:1.0"}
        assert partial.findings == ()


def test_a_field_in_prose_is_not_read_and_said_so() -> None:
    partial = read("# A\n\n## Purpose\n\n**Image:** app:1.0\n\n**Status:** nice\n")
    assert partial.service == {}
    assert told(partial) == [("SC111", 5)]


def test_a_field_in_a_comment_or_code_block_is_not_read() -> None:
    partial = read("# A\n\n<!--\n**Image:** a\n-->\n\n```\n**Image:** b\n```\n")
    assert (partial.service, partial.findings) == ({}, ())


def test_a_field_that_stands_twice_and_differs_is_told() -> None:
    partial = read("**Image:** a:1\n**Image:** a:1\n\n## Configuration\n\n**Image:** a:2\n")
    assert partial.service["image"] == "a:1"
    assert told(partial) == [("SC111", 6)]


def test_lists_end_where_another_field_begins() -> None:
    partial = read(
        "**Volumes:**\n- `a:/a`\n- b:/b (two)\n\n**Note:** this\n- `c:/c`\n\n"
        "**Networks:**\n- proxy\n- `data` — x\n"
    )
    assert [mount["source"] for mount in partial.service["volumes"]] == ["a", "b"]
    assert partial.service["networks"] == {"proxy": {}, "data": {}}
    assert partial.findings == ()


def test_a_list_under_prose_is_not_the_field_s() -> None:
    partial = read("**Volumes:** `a:/a` — it\n  goes on\n- `b:/b`\n\nSome prose:\n\n- `c:/c`\n")
    assert [mount["source"] for mount in partial.service["volumes"]] == ["a", "b"]
    assert partial.findings == ()


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("**Image:** two words", 1),
        ("**Image:** `a:1`, `b:1`", 1),
        ("**Volumes:** nowhere", 1),
        ("**Ports:** eighty, `80:80`", 1),
        ("**Networks:**", 1),
        ("**Hostnme:** a.example.org", 1),
        ("**Imgae:** `a:1`", 1),
        ("**Kind:** service", 1),
        ("**Config dir:** /etc/app", 1),
        ("**Config dir:** ../app", 1),
        ("**Environment:** `A`", 1),
        ("**Dependencies:** good weather!", 1),
        ("**Secrets:** a/b", 1),
        ("**Command:** `echo 'a`", 1),
    ],
)
def test_a_declared_field_that_is_not_understood_is_a_warning_with_its_line(line: str, count: int) -> None:
    assert told(read(f"# A\n\n{line}\n")) == [("SC111", 3)] * count


@pytest.mark.parametrize(("typo", "meant"), [("Prot", "Port"), ("Hostnam", "Hostname"), ("Imag", "Image")])
def test_a_misspelt_field_is_named_with_the_one_that_is_meant(typo: str, meant: str) -> None:
    assert [finding.hint for finding in read(f"# A\n\n**{typo}:** 80\n").findings] == [
        f"did you mean `{meant}`?"
    ]


@pytest.mark.parametrize("word", ["Parts", "Post", "Path", "Part"])
def test_a_word_of_its_own_is_no_misspelt_field(word: str) -> None:
    assert told(read(f"# A\n\n**{word}:** 80\n")) == []


@pytest.mark.parametrize(
    "line", ["**Port:** http", "**Port:** 99999", "**Port:** 80 81", "**Hostname:** a b", "**Hostname:** a_b"]
)
def test_a_site_that_would_quietly_be_reached_no_more_is_an_error(line: str) -> None:
    assert told(read(f"# A\n\n{line}\n")) == [("SC103", 3)]


@pytest.mark.parametrize(
    "line", ["**Note:** a", "**Exports:** a", "**Posts:** a", "**Fix:** a", "**Hosts** a"]
)
def test_a_bold_word_of_its_own_is_prose(line: str) -> None:
    assert told(read(f"# A\n\n{line}\n")) == []


def test_explicit_none_is_stated_and_absence_is_not() -> None:
    stated = read("**Ports:** None\n**Hostname:** N/A (internal)\n**Dependencies:** none\n")
    assert (stated.service, stated.routes) == ({"ports": [], "depends_on": {}}, ())
    absent = read("# A\n")
    assert (absent.service, absent.routes) == ({}, None)


def test_environment_from_bullets_a_line_or_yaml() -> None:
    assert read("**Environment:** `A=1`, `B=x=y`").service["environment"] == {"A": "1", "B": "x=y"}
    bullets = "## Configuration\n### Key Settings\n\n- `A=a b` — why\n- B=2 (why)\n- not a setting\n"
    assert read(bullets).service["environment"] == {"A": "a b", "B": "2"}
    block = "## Configuration\n### Key Settings\n\n```yaml\nA: 1.10\nB: 'x'\n```\n"
    assert read(block).service["environment"] == {"A": "1.10", "B": "x"}


def test_keys_of_compose_under_key_settings_keep_their_places() -> None:
    block = "  ```yaml\n  mem_limit: 64m\n  tmpfs: [/tmp]\n  ```\n"
    partial = read(f"## Configuration\n### Key Settings\n\n- intro\n\n{block}")
    assert partial.service == {"mem_limit": "64m", "tmpfs": ["/tmp"]}
    assert str(partial.at("tmpfs")) == "spokes/a.md:8:3"


@pytest.mark.parametrize("block", ["a: [1", "image: a\nnonsense: 1", "- a"])
def test_a_settings_block_that_is_not_understood_is_a_warning(block: str) -> None:
    partial = read(f"## Configuration\n### Key Settings\n\n```yaml\n{block}\n```\n")
    assert {finding.code for finding in partial.findings} <= {"SC111"}
    assert partial.service == {}


@pytest.mark.parametrize("block", ["mem_limit: {}", "mem_limit: 1.2.3g", "healthcheck: {interval: soon}"])
def test_a_wrong_value_in_a_settings_block_is_an_error_as_in_a_manifest(block: str) -> None:
    partial = read(f"## Configuration\n### Key Settings\n\n```yaml\n{block}\n```\n")
    assert [(finding.code, finding.at.line) for finding in partial.findings] == [("SC103", 5)]


def test_a_digest_joins_the_image_and_a_placeholder_does_not() -> None:
    inputs = (
        "## Configuration\n\n**Image:** app:1\n\n### Fingerprint Inputs\n\n- Image digest: `app@sha256:{}`\n"
    )
    digest = "0123456789abcdef" * 4
    for text, image, codes in (
        (digest, f"app:1@sha256:{digest}", []),
        ("...", "app:1", ["SC203"]),
        (digest[:12], "app:1", ["SC203"]),
    ):
        reading = read_stack({"stack.yaml": b"name: s", "spokes/a.md": inputs.format(text).encode()})
        assert reading.stack is not None
        assert reading.stack.spoke("a").image == image
        assert [finding.code for finding in reading.findings] == codes


def test_common_issues_of_several_lines() -> None:
    partial = read(
        "## Runbook\n\n### Common Issues\n\n**Symptom:** it is\n  slow\n**Cause:** load\n**Fix:** wait\n\n"
        "- **Symptom:** gone\n- **Fix:** look\n"
    )
    assert [(i.symptom, i.cause, i.fix) for i in partial.issues] == [
        ("it is slow", "load", "wait"),
        ("gone", "", "look"),
    ]


def test_the_footer_is_read_wherever_it_stands() -> None:
    partial = read(
        "## Notes\n\n**Last pass:** 2026-01-01 (all)\n\n---\n**Last updated:** 2026-02-02 — x\n"
        "**Last change fingerprint:** `abc`\n"
    )
    assert (partial.recorded.last_pass, partial.recorded.last_updated) == ("2026-01-01 (all)", "2026-02-02")
    assert partial.recorded.fingerprint == "abc"


@pytest.mark.parametrize(
    ("block", "codes"),
    [
        ('ports:\n  traefik: ["80:80"]', []),
        ("volumes:\n  data: {external: true}", []),
        ('ports: ["80:80"]', [("SC111", 6)]),
        ("volumes:\n  - data:/data", [("SC111", 6)]),
        ("image: other:2", [("SC111", 6)]),
    ],
)
def test_a_block_for_stack_local_yaml_is_not_taken_for_settings_of_a_service(
    block: str, codes: list[tuple[str, int]]
) -> None:
    assert told(read(f"# A\n\n## Purpose\n\n```yaml\n{block}\n```\n")) == codes
