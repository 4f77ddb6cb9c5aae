"""Each rule about routes fires on a fault and is silent on what differs from it in that one thing."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from stackctl.codes import CODES
from stackctl.lint import lint
from stackctl.read.stack import read_stack

PINNED = "@sha256:" + "0123456789abcdef" * 4
HASH = "$2y$10$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
TRAEFIK = (
    f"kind: edge\nimage: traefik:v3.7.1{PINNED}\nnetworks: [proxy, socket]\nports: ['80:80', '443:443']\n"
)
CADDY = f"kind: edge\nimage: caddy:2.10{PINNED}\nnetworks: [proxy]\nports: ['80:80', '443:443']\n"
LOGIN = f"image: login:1{PINNED}\nnetworks: [proxy]\n"
ACME = "edge: {name: traefik, routes: files, acme: {email: me@example.org}}"
LABELLED = "edge: {name: caddy, routes: labels}"
DOCKER_PROXY = CADDY.replace("caddy:2.10", "lucaslorentz/caddy-docker-proxy:2.13")

Files = Mapping[str, str]


def files(route: str = "", stack: str = "edge: traefik", **spokes: str) -> Files:
    app = f"image: app:1{PINNED}\nnetworks: [proxy]\n" + (f"route: [{route}]\n" if route else "")
    found = {"stack.yaml": f"name: home\n{stack}\n", "spokes/app.yaml": app}
    return {**found, **{f"spokes/{name}.yaml": text for name, text in spokes.items()}}


def host(more: str) -> str:
    return f"{{host: app, port: 80, {more}}}"


PUBLIC = "{host: app.example.org, port: 80, tls: acme}"
DNS = TRAEFIK.replace("'443:443'", "'443:443', '53:53/udp'")
STORED = TRAEFIK + "volumes: ['acme:/acme']\n"
VOLUME = "\nvolumes: {acme: {}}"
GIVEN = "\nsecrets: {cert: {file: cert.pem}, key: {file: key.pem}}"
BOARD = "route: [{{host: board, dashboard: true{}}}]\n"

CASES: Mapping[str, tuple[Files, Files]] = {
    "SC610": (
        files(host("auth: {basic: {kim: hunter2}}"), traefik=TRAEFIK),
        files(host(f"auth: {{basic: {{kim: {HASH}}}}}"), traefik=TRAEFIK),
    ),
    "SC611": (
        files("{protocol: udp, listen: 53, port: 53, compress: true}", traefik=DNS),
        files("{protocol: udp, listen: 53, port: 53}", traefik=DNS),
    ),
    "SC612": (
        files(host("rate_limit: 100/m"), "edge: caddy", caddy=CADDY),
        files(host("rate_limit: 100/m"), traefik=TRAEFIK),
    ),
    "SC613": (
        files(host("tls: internal"), traefik=TRAEFIK.replace(", '443:443'", "")),
        files(host("tls: internal"), traefik=TRAEFIK),
    ),
    "SC614": (
        files(PUBLIC, "edge: {name: traefik, routes: files}" + VOLUME, traefik=STORED),
        files(PUBLIC, ACME + VOLUME, traefik=STORED),
    ),
    "SC615": (
        files(PUBLIC.replace("app.example.org", "app.home.arpa"), ACME + VOLUME, traefik=STORED),
        files(PUBLIC, ACME + VOLUME, traefik=STORED),
    ),
    "SC616": (
        files(PUBLIC, ACME + VOLUME, traefik=STORED.replace("'80:80', '443:443'", "'127.0.0.1:443:443'")),
        files(PUBLIC, ACME + VOLUME, traefik=STORED),
    ),
    "SC617": (
        files(PUBLIC, ACME, traefik=TRAEFIK),
        files(PUBLIC, ACME + VOLUME, traefik=STORED),
    ),
    "SC618": (
        files(host("auth: {forward: {spoke: logn, port: 9091}}"), traefik=TRAEFIK, login=LOGIN),
        files(host("auth: {forward: {spoke: login, port: 9091}}"), traefik=TRAEFIK, login=LOGIN),
    ),
    "SC619": (
        files(host("tls: {certificate: cert, key: key}"), "edge: traefik" + GIVEN, traefik=TRAEFIK),
        files(
            host("tls: {certificate: cert, key: key}"),
            "edge: traefik" + GIVEN,
            traefik=TRAEFIK + "secrets: [cert, key]\n",
        ),
    ),
    "SC620": (
        files(traefik=TRAEFIK + BOARD.format("")),
        files(traefik=TRAEFIK + BOARD.format(f", auth: {{basic: {{kim: {HASH}}}}}")),
    ),
    "SC621": (
        files(host("compress: true"), "edge: caddy", traefik=TRAEFIK),
        files(host("compress: true"), "edge: caddy", traefik=TRAEFIK, caddy=CADDY),
    ),
    "SC622": (files(stack=LABELLED, caddy=CADDY), files(stack=LABELLED, caddy=DOCKER_PROXY)),
    "SC623": (files(stack=LABELLED, caddy=DOCKER_PROXY), files(stack="edge: caddy", caddy=CADDY)),
}


def codes(of: Files) -> set[str]:
    reading = read_stack({name: text.encode() for name, text in of.items()})
    found = reading.findings if reading.stack is None else lint(reading.stack, reading.findings)
    return {finding.code for finding in found}


def test_every_rule_about_routes_has_a_case() -> None:
    assert {code for code in CODES if re.match(r"SC6[12]", code)} == CASES.keys()


@pytest.mark.parametrize("code", CASES)
def test_a_fault_in_a_route_is_found_and_its_near_miss_is_not(code: str) -> None:
    bad, fine = CASES[code]
    assert code in codes(bad)
    assert code not in codes(fine)
    # What is fine is fine altogether, apart from what only a registry or a host could tell.
    assert {found for found in codes(fine) if found.startswith(("SC1", "SC6"))} <= {"SC623"} - {code}
