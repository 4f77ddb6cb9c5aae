"""Rules whose edges the cases do not show; each code fires and stays silent in tests/cases."""

from __future__ import annotations

import pytest

from stackctl.findings import Finding, InvalidFiles
from stackctl.lint import lint
from stackctl.lint.labels import named
from stackctl.lint.sockets import gives_socket, is_engine_socket
from stackctl.model import Stack
from stackctl.read.stack import read_stack

PINNED = "@sha256:" + "0123456789abcdef" * 4


def found(stack: str = "name: homelab\n", **spokes: str) -> list[Finding]:
    texts = {"stack.yaml": stack.encode()}
    texts |= {f"spokes/{name.replace('_', '.')}": text.encode() for name, text in spokes.items()}
    reading = read_stack(texts)
    assert reading.stack is not None
    return list(lint(reading.stack, reading.findings))


def codes(**spokes: str) -> list[str]:
    return [finding.code for finding in found(**spokes)]


@pytest.mark.parametrize(
    "path",
    [
        "/var/run/docker.sock",
        "/run/docker.sock",
        "//var/run/docker.sock",
        "/var/../var/run/./docker.sock",
        "/run/user/1000/docker.sock",
        "/run/user/${UID}/docker.sock",
        "${XDG_RUNTIME_DIR}/docker.sock",
        "$XDG_RUNTIME_DIR",
        "~/.docker/run/docker.sock",
        "/run/podman/podman.sock",
        "/run/containerd/containerd.sock",
        "/",
        "/var",
        "/var/",
        "/var/run",
        "/run",
        "/run/user",
        "/run/user/1000",
        "/run/user/${UID}",
    ],
)
def test_paths_that_give_the_socket(path: str) -> None:
    assert gives_socket(path)


@pytest.mark.parametrize(
    "path",
    ["/var/lib/app", "/run/app", "/var/run/docker.sock.d", "./docker", "/srv", "/etc/docker/daemon.json", ""],
)
def test_paths_that_do_not(path: str) -> None:
    assert not gives_socket(path)


def test_only_the_socket_itself_is_replaced_on_a_host() -> None:
    assert is_engine_socket("/run/user/${UID}/docker.sock")
    assert not is_engine_socket("/var/run")


def test_a_variable_that_is_mounted_as_the_socket_counts_as_the_socket() -> None:
    manifest = f"image: a{PINNED}\nvolumes: ['${{UID}}:/var/run/docker.sock']\n"
    assert codes(a_yaml=manifest) == ["SC401"]


def test_a_socket_proxy_on_the_host_s_network_is_published_too() -> None:
    manifest = f"image: tecnativa/docker-socket-proxy{PINNED}\nnetwork_mode: host\n"
    assert codes(a_yaml=manifest) == ["SC402"]


RULE = "traefik.http.routers.d.rule: Host(`d.localhost`)"
TO_PORT = "traefik.http.services.d.loadbalancer.server.port"


@pytest.mark.parametrize(
    ("image", "more", "found"),
    [
        ("tecnativa/docker-socket-proxy", "route: [{host: d.localhost, port: 2375}]", ["SC402"]),
        ("tecnativa/docker-socket-proxy", "labels: {traefik.enable: 'true'}", ["SC402"]),
        ("tecnativa/docker-socket-proxy", "labels: {traefik.enable: 'false'}", []),
        ("tecnativa/docker-socket-proxy", f"labels: {{traefik.enable: 'false', {RULE}}}", []),
        ("tecnativa/docker-socket-proxy", f"labels: {{traefik.enable: 'False', {RULE}}}", []),
        ("tecnativa/docker-socket-proxy", f"labels: {{traefik.enable: '0', {RULE}}}", []),
        ("tecnativa/docker-socket-proxy", f"labels: {{traefik.enable: '${{ON}}', {RULE}}}", ["SC402"]),
        ("tecnativa/docker-socket-proxy", "labels: {traefik.enable: '0', caddy: d.localhost}", ["SC402"]),
        ("tecnativa/docker-socket-proxy", "labels: [caddy=d.localhost]", ["SC402"]),
        ("a", "route: [{host: d.localhost, port: 2375}]", ["SC402"]),
        ("a", "route: [{host: d.localhost, port: 80}]", []),
        ("a", f"labels: {{{RULE}, {TO_PORT}: '2375'}}", ["SC402"]),
        ("a", f"labels: {{traefik.enable: '0', {RULE}, {TO_PORT}: '2375'}}", []),
        ("a", f"labels: {{{RULE}, {TO_PORT}: '80'}}", []),
        ("a", "labels: {caddy: d.localhost, caddy.reverse_proxy: '{{upstreams 2376}}'}", ["SC402"]),
        ("a", "labels: {caddy: d.localhost, caddy.reverse_proxy: '{{upstreams 80}}'}", []),
    ],
)
def test_no_route_leads_to_docker(image: str, more: str, found: list[str]) -> None:
    told = codes(a_yaml=f"image: {image}{PINNED}\n{more}\n")
    assert [code for code in told if code == "SC402"] == found


@pytest.mark.parametrize(
    ("image", "warned"),
    [
        ("a", "SC211"),
        ("a:latest", "SC211"),
        ("registry.example.org:5000/a", "SC211"),
        ("a:1", "SC202"),
        (f"a{PINNED}", ""),
        (f"a:latest{PINNED}", ""),
        (f"a:1{PINNED}", ""),
        ("a:${UID}", ""),
    ],
)
def test_pinned_images(image: str, warned: str) -> None:
    assert codes(a_yaml=f"image: {image}\n") == ([warned] if warned else [])


def test_what_is_built_here_needs_no_digest() -> None:
    assert codes(a_yaml="image: a:1\nbuild: ./a\n") == []


def test_each_circle_is_told_once_and_what_leads_to_it_is_not_part_of_it() -> None:
    image = f"image: a{PINNED}\n"
    findings = found(
        a_yaml=f"{image}depends_on: [b]\n",
        b_yaml=f"{image}depends_on: [a]\n",
        c_yaml=f"{image}depends_on: [a]\n",
        d_yaml=f"{image}depends_on: [d]\n",
    )
    assert [(f.code, f.message.partition(": ")[2]) for f in findings] == [
        ("SC206", "a → b → a"),
        ("SC206", "d → d"),
    ]


@pytest.mark.parametrize(
    ("sentence", "warned"),
    [
        ("Look at the logs.", True),
        ("`stackctl verify ghost`", True),
        ("`stackctl verify a` holds", False),
        ("see Verify It", False),
        ("N/A", False),
    ],
)
def test_a_smoke_test_needs_a_check_behind_it(sentence: str, warned: bool) -> None:
    page = (
        f"**Image:** a{PINNED}\n\n### Verify it\n\n```\ndocker run --network proxy curlimages/curl http://a/\n```\n"
        f"Expected: 200\n\n**Smoke test:** {sentence}\n\n**Last change fingerprint:** abc\n"
    )
    assert codes(a_md=page) == (["SC303"] if warned else [])


def test_a_risk_is_accepted_by_the_spoke_that_runs_it_and_by_no_other() -> None:
    accept = "accept: [{code: SC202, reason: known}]\n"
    findings = found(a_yaml=f"image: a:1\n{accept}", b_yaml="image: b:1\n")
    assert [(f.spoke, f.accepted) for f in findings] == [("a", "known"), ("b", "")]


def test_an_accepted_error_no_longer_blocks() -> None:
    manifest = f"image: a{PINNED}\nvolumes: ['/run:/run']\naccept: [{{code: SC401, reason: known}}]\n"
    [finding] = found(a_yaml=manifest)
    assert (finding.code, finding.blocks) == ("SC401", False)


@pytest.mark.parametrize("text", ["$1", "${", "${A!}", "cost: 5$"])
def test_a_dollar_that_compose_refuses_is_an_error(text: str) -> None:
    assert codes(a_yaml=f"image: a{PINNED}\nenvironment: {{A: '{text}'}}\n") == ["SC103"]


@pytest.mark.parametrize("host", ["a`) || Host(`b", "a`b", "{{ .Env.HOST }}.example.org", "a{b}"])
def test_what_would_end_a_rule_of_the_edge_is_no_host_name(host: str) -> None:
    page = f"# A — Spoke\n\n**Image:** a{PINNED}\n**Hostname:** {host}\n\n**Last change fingerprint:** 1\n"
    assert "SC110" in codes(a_md=page)
    assert codes(a_yaml=f"image: a{PINNED}\nroute: {{host: '{host}', port: 80}}\n") == ["SC110"]


def test_a_variable_of_stack_yaml_is_needed_too() -> None:
    [finding] = found("name: homelab\nnetworks: {a: {name: '${NAME}'}}\n", a_yaml=f"image: a{PINNED}\n")
    assert (finding.code, str(finding.at)) == ("SC207", "stack.yaml:2:16")


def test_what_a_manifest_that_cannot_be_read_may_say_is_not_missed() -> None:
    for manifest in ("image: [", "- a", "image: {a: b}", "build: [a]"):
        assert [f.code for f in found(a_yaml=manifest) if f.code.startswith("SC2")] == []
    assert codes(a_yaml="") == codes(a_yaml="image:") == codes(a_yaml="image: ''") == ["SC201"]


def test_a_stack_that_is_read_twice_is_never_compared_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stacks of 200 pages that are equal took minutes to be found so."""
    texts = {"stack.yaml": b"name: homelab\n", "spokes/a.yaml": f"image: a{PINNED}\n".encode()}
    monkeypatch.setattr(Stack, "__eq__", lambda *_: pytest.fail("compared"))
    for stack in (read_stack(texts).stack, read_stack(texts).stack):
        assert stack is not None
        assert named(stack, stack.spoke("a")) == ()


# ---- a fault that explains others stands alone, and first


EDGES = {
    "traefik_yaml": f"image: traefik:v3.7{PINNED}\nports: ['80:80']\n",
    "caddy_yaml": f"image: caddy:2.10{PINNED}\nports: ['80:80']\n",
}


def test_of_an_edge_that_is_none_nothing_but_that_is_told() -> None:
    told = [(str(f.at), f.code, f.hint) for f in found("name: home\nedge: trafik\n", **EDGES)]
    assert told == [("stack.yaml:2:1", "SC103", "did you mean `traefik`?")]
    assert found("name: home\nedge: {name: nginx}\n", **EDGES)[0].at.line == 2


def test_a_fault_of_one_file_is_told_beside_that_of_the_edge() -> None:
    told = found("name: home\nedge: trafik\n", **EDGES, web_yaml="image: [\n")
    assert [(f.at.file, f.code) for f in told] == [("stack.yaml", "SC103"), ("spokes/web.yaml", "SC101")]


def test_what_no_edge_explains_is_told_beside_it() -> None:
    told = found("name: home\nedge: trafik\n", **EDGES, web_yaml="image: web:latest\n")
    assert {(f.at.file, f.code) for f in told} == {("stack.yaml", "SC103"), ("spokes/web.yaml", "SC211")}


@pytest.mark.parametrize(
    ("stack", "web"),
    [
        ("networks: [back]\n", "networks: [back]\n"),
        ("networks: {back: [x]}\n", "networks: [back]\n"),
        ("secret_sources: [key]\n", "secrets: [key]\nenvironment: {A: {secret: key}}\n"),
        ("configs: [site]\n", "configs: [site]\n"),
    ],
)
def test_what_stack_yaml_fails_to_say_is_not_told_as_missing(stack: str, web: str) -> None:
    told = found(f"name: home\n{stack}", web_yaml=f"image: a:1{PINNED}\n{web}")
    assert [f.at.file for f in told if f.blocks] == ["stack.yaml"]


def test_stack_yaml_comes_before_what_it_holds_for() -> None:
    files = [f.at.file for f in found("name: home\nedje: caddy\n", a_yaml="imagee: x\n")]
    assert files[0] == "stack.yaml"
    assert "spokes/a.yaml" in files[1:]


PAGE = "**Hostname:** a.example.org\n**Port:** 80\n\n## Configuration\n\n**Image:** `a:1`\n"


@pytest.mark.parametrize("port", ["80a", "0", "80 and 81"])
def test_a_port_that_cannot_be_read_is_not_told_as_missing_too(port: str) -> None:
    told = found(a_md=PAGE.replace("80", port), a_yaml="kind: app\n")
    assert [(f.at.line, f.code) for f in told if "port" in f.message] == [(2, "SC103")]


@pytest.mark.parametrize("route", ["host: a.b, port:", "host:, port: 80", "host: a.b", "port: 80"])
def test_a_route_that_lacks_a_part_is_never_dropped_in_silence(route: str) -> None:
    told = found(a_yaml=f"image: a:1{PINNED}\nroute: {{{route}}}\n")
    assert [f.code for f in told if f.message.startswith("the route has no ")] == ["SC103"]


def test_errors_bring_along_what_was_not_read_of_the_same_spoke() -> None:
    slip = PAGE.replace("Hostname", "Hostnme")
    error = InvalidFiles(found(a_md=slip, a_yaml="kind: app\n", b_md="**Kindd:** app\n\n**Image:** `b:1`\n"))
    told = [(str(f.at), f.code, f.hint) for f in error.told]
    assert told == [
        ("spokes/a.md:1:1", "SC111", "did you mean `Hostname`?"),
        ("spokes/a.md:2:1", "SC103", "state its host"),
    ]
    assert error.message.startswith("1 error ")
