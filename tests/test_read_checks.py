"""A `### Verify …` block becomes a check only where its request and its expectation are certain."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from stackctl import files
from stackctl.harmless import NO_SUCH_ID, why_not
from stackctl.model import Named, Published, Request
from stackctl.read.page import read_page
from stackctl.read.partial import CheckDraft, Partial
from stackctl.read.stack import read_stack
from stackctl.read.text import Source

CASES = Path(__file__).parent / "cases"


def block(command: str, expected: str = "200") -> Partial:
    text = f"### Verify it\n\n```bash\n{command}\n```\n\nExpected: {expected}\n"
    return read_page(Source("spokes/a.md", text))


def one(command: str, expected: str = "200") -> CheckDraft:
    partial = block(command, expected)
    assert partial.findings == ()
    [draft] = partial.checks
    return draft


RUN = "docker run --rm --network data curlimages/curl"


@pytest.mark.parametrize(
    ("command", "network", "method", "host", "port", "path"),
    [
        (f"{RUN} http://web:81/x", "data", "GET", "web", 81, "/x"),
        (f"{RUN} curl web", "data", "GET", "web", 80, "/"),
        (f"{RUN} curl -i web", "data", "GET", "web", 80, "/"),
        (f"{RUN} -X POST http://web/", "data", "POST", "web", 80, "/"),
        (f"{RUN} -XDELETE 'http://web/a?b=c'", "data", "DELETE", "web", 80, "/a?b=c"),
        (f"{RUN} -sSI http://web/", "data", "HEAD", "web", 80, "/"),
        (f"{RUN} --head --max-time 3 http://web/", "data", "HEAD", "web", 80, "/"),
        (f"{RUN} -sSo /dev/null -w '%{{http_code}}' -m5 http://web/", "data", "GET", "web", 80, "/"),
        (
            "docker run -it --net=data --entrypoint curl alpine -fsS http://web/",
            "data",
            "GET",
            "web",
            80,
            "/",
        ),
        (
            "$ docker run --rm \\\n    --network data \\\n  alpine/curl http://web/",
            "data",
            "GET",
            "web",
            80,
            "/",
        ),
        ("docker run --rm --network host curlimages/curl http://web/", "", "GET", "web", 80, "/"),
        ("# first\ncurl -sS http://localhost:8080/", "", "GET", "localhost", 8080, "/"),
    ],
)
def test_requests_that_are_read(
    command: str, network: str, method: str, host: str, port: int, path: str
) -> None:
    draft = one(command)
    read = (draft.network, draft.method, draft.host, draft.port, draft.path)
    assert read == (network, method, host, port, path)


@pytest.mark.parametrize(
    "command",
    [
        "docker exec web curl http://localhost/",
        "docker compose ps",
        "docker run --rm curlimages/curl http://web/",
        "docker run --rm --network data --privileged curlimages/curl http://web/",
        "docker run --rm --network data alpine wget http://web/",
        "docker run --rm --network data",
        f"{RUN} -d x http://web/",
        f"{RUN} --data=x http://web/",
        f"{RUN} -dx http://web/",
        f"{RUN} -L http://web/",
        f"{RUN} -H 'Authorization: x' http://web/",
        f"{RUN} -K file http://web/",
        f"{RUN} --unix-socket /s http://web/",
        f"{RUN} https://web/",
        f"{RUN} http://a/ http://b/",
        f"{RUN} http://$HOST/",
        f"{RUN} http://web/ | jq .",
        f"{RUN} http://web/ > /tmp/x",
        f"{RUN} http://web/; rm -rf /",
        f"{RUN} http://web/ && true",
        f"{RUN} 'http://web/\n",
        f"{RUN} -X",
        f"{RUN}",
        "sudo reboot",
        f"{RUN} http://web/\nsleep 1",
        "",
    ],
)
def test_a_block_that_is_anything_else_is_not_taken_over(command: str) -> None:
    partial = block(command)
    assert [finding.code for finding in partial.findings] == ["SC304"]
    assert partial.checks == ()


@pytest.mark.parametrize(
    ("expected", "statuses", "body"),
    [
        ("`403 Forbidden`", {403}, ""),
        ("HTTP/1.1 200 OK", {200}, ""),
        ("200 or 204", {200, 204}, ""),
        ("status 3xx", set(range(300, 400)), ""),
        ("200, and the body contains `Hello 404`", {200}, "Hello 404"),
        ("a page with “Hello”", set(), "Hello"),
        ("**401** within 500ms", {401}, ""),
    ],
)
def test_expectations_that_are_read(expected: str, statuses: set[int], body: str) -> None:
    expect = one(f"{RUN} http://web/", expected).expect
    assert (expect.statuses, expect.body, expect.no_answer) == (frozenset(statuses), body, False)


@pytest.mark.parametrize(
    "expected", ["", "it works", "a list", "not 200", "anything but 500", "port 8080", "10.0.0.1"]
)
def test_an_expectation_that_is_not_certain_is_not_taken_over(expected: str) -> None:
    assert [finding.code for finding in block(f"{RUN} http://web/", expected).findings] == ["SC304"]


@pytest.mark.parametrize("alternative", ["connection refused", "a timeout", "no response", "timed out"])
def test_an_alternative_that_holds_with_the_target_down_is_left_out(alternative: str) -> None:
    partial = block(f"{RUN} http://web/", f"`403` or {alternative}.")
    assert [(finding.code, finding.at.line) for finding in partial.findings] == [("SC301", 7)]
    assert [draft.expect.statuses for draft in partial.checks] == [frozenset({403})]
    assert not partial.checks[0].expect.no_answer


def test_several_blocks_and_commands_have_their_own_expectations() -> None:
    text = f"### Verify it\n\n```\n{RUN} http://a/\n{RUN} http://b/\n```\nExpected: 403\n\n"
    partial = read_page(Source("a.md", f"{text}```\n{RUN} http://c/\n```\n**Expected:** 200\n"))
    assert [(d.title, d.host, *d.expect.statuses) for d in partial.checks] == [
        ("Verify it", "a", 403),
        ("Verify it (2)", "b", 403),
        ("Verify it (3)", "c", 200),
    ]


# ---- what may be sent to a live Engine: the rule itself is tested in test_harmless.py


@pytest.mark.parametrize(
    ("request_", "taken"),
    [
        ("GET http://docker-socket-proxy:2375/version", True),
        (f"DELETE http://docker-socket-proxy:2375/containers/{NO_SUCH_ID}", True),
        ("DELETE http://docker-socket-proxy:2375/containers/web", False),
        ("GET http://anything:2375/events", False),
        ("POST http://who-knows/login", False),
        ("POST http://app/login", False),
        ("DELETE http://app/photos", False),
        ("OPTIONS http://app/login", True),
    ],
)
def test_a_check_that_could_take_effect_is_not_taken_over(request_: str, taken: bool) -> None:
    codes, looks = checks(f"  - {{from: proxy, request: '{request_}', expect: {{status: 200}}}}\n")
    assert (codes, len(looks)) == ([], 1) if taken else (["SC305"], 0)


@pytest.mark.parametrize("folder", sorted(p for p in CASES.iterdir() if p.is_dir()), ids=lambda p: p.name)
def test_whatever_is_taken_over_can_be_sent_by_the_runner(folder: Path) -> None:
    stack = read_stack(files.load(folder)).stack
    for spoke in stack.spokes if stack else ():
        for check in spoke.checks:
            requests = [check.look, *(control.request for control in check.controls)]
            assert [why_not(stack.spokes, r) for r in requests if isinstance(r, Request)] == [""] * len(
                requests
            )


# ---- targets


TEXTS = {
    "stack.yaml": b"name: homelab\n",
    "spokes/edge.yaml": b'image: caddy\nports: ["127.0.0.1:8080:80"]\n',
    "spokes/app.yaml": b"image: app\nroute: {host: app, port: 81}\n",
}


def checks(manifest: str) -> tuple[list[str], list[Request]]:
    reading = read_stack({**TEXTS, "spokes/me.yaml": f"image: me\nchecks:\n{manifest}".encode()})
    assert reading.stack is not None
    found = [f.code for f in reading.findings if f.at.file == "spokes/me.yaml"]
    return found, [c.look for c in reading.stack.spoke("me").checks if isinstance(c.look, Request)]


@pytest.mark.parametrize("port", ["", ":80", ":8080"])
def test_a_routed_host_name_is_asked_at_the_edge(port: str) -> None:
    codes, [look] = checks(
        f"  - {{request: 'GET http://app.stack.localhost{port}/', expect: {{status: 200}}}}\n"
    )
    assert codes == []
    assert (look.vantage, look.target, look.host) == ("", Published("edge", 80), "app.stack.localhost")


def test_a_name_asked_from_a_network_stays_a_name() -> None:
    _, [look] = checks("  - {from: proxy, request: 'GET http://app:81/', expect: {status: 200}}\n")
    assert (look.vantage, look.target) == ("proxy", Named("app", 81))


def test_an_unknown_network_is_an_error_and_a_foreign_prefix_a_warning() -> None:
    assert checks("  - {from: lan, request: http://app/, expect: {status: 200}}\n") == (["SC204"], [])
    codes, [look] = checks("  - {from: other_proxy, request: http://app/, expect: {status: 200}}\n")
    assert (codes, look.vantage) == (["SC302"], "proxy")
    codes, [look] = checks("  - {from: homelab_proxy, request: http://app/, expect: {status: 200}}\n")
    assert (codes, look.vantage) == ([], "proxy")


def test_no_answer_needs_a_place_that_is_answered() -> None:
    reading = read_stack(
        {
            **TEXTS,
            "spokes/me.yaml": b"image: me\nchecks:\n"
            b"  - {from: socket, request: http://app:81/, expect: {no_answer: true}}\n",
        }
    )
    assert reading.stack is not None
    [check] = reading.stack.spoke("me").checks
    [control] = check.controls
    assert isinstance(check.look, Request)
    assert dataclasses.replace(check.look, vantage="proxy") == control.request
    assert not control.expect.no_answer
    assert checks("  - {from: socket, request: http://who/, expect: {no_answer: true}}\n") == (["SC301"], [])


def test_hostname_means_the_spoke_s_own_container() -> None:
    reading = read_stack(
        {**TEXTS, "spokes/me.yaml": b"image: me\nchecks: [{request: http://me/, expect: {hostname: true}}]"}
    )
    assert reading.stack is not None
    assert reading.stack.spoke("me").checks[0].expect.names_container == "me"
