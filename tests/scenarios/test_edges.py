"""Every part of a route, asked of a running edge: Traefik by labels, Traefik by files, Caddy by files."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.checks import checks
from stackctl.commands.opened import open_stack
from stackctl.engine import Engine
from stackctl.events import Checked
from stackctl.observe import in_full, observe
from stackctl.verify.mutations import prove
from tests.scenarios.certificates import wrong_certificates
from tests.scenarios.edged import DOMAIN as D
from tests.scenarios.edged import EVERY_ROUTE, HASH, STREAMS, Edged, app, write
from tests.scenarios.engine_room import EngineRoom, wait_for

pytestmark = pytest.mark.slow

WAYS = (("traefik", "labels"), ("traefik", "files"), ("caddy", "files"))


@pytest.fixture(scope="module", params=WAYS, ids="-".join)
def edged(
    request: pytest.FixtureRequest, room: EngineRoom, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edged]:
    edge, routes = request.param
    spokes = EVERY_ROUTE if edge == "caddy" else {**EVERY_ROUTE, "streams": app("streams", *STREAMS)}
    stack = write(tmp_path_factory.mktemp(f"{edge}-{routes}"), room.project(), edge, routes, spokes)
    done = stack.run("up", "--yes", "--allow-exposure", "--no-verify")
    assert done.returncode == 0, done.stdout + done.stderr
    edged = Edged(stack, edge).looked_up()
    # Traefik may learn of a container a moment after it is healthy.
    for host in ("hub", "a.apps", "exact.apps", "many", "guarded"):
        wait_for(lambda host=host: edged.ask(f"{host}.{D}").status in (200, 401))
    for path in ("/agent/1/", "/agent/10"):
        wait_for(lambda path=path: edged.ask(f"hub.{D}", path).json["name"] != "hub")
    yield edged
    stack.run("down", "--yes")


def only_traefik(edged: Edged) -> bool:
    return edged.edge == "traefik"


def test_each_host_leads_to_its_app_and_an_unknown_one_nowhere(edged: Edged) -> None:
    for host in (f"hub.{D}", f"one.{D}", "two.test"):
        assert edged.ask(host).json["name"] == "hub"
    assert edged.ask(f"nobody.{D}").status == 404


def test_a_pattern_takes_one_label_and_loses_to_a_name(edged: Edged) -> None:
    assert edged.ask(f"a.apps.{D}").json["name"] == "wild"
    assert edged.ask(f"exact.apps.{D}").json["name"] == "exact"
    assert edged.ask(f"a.b.apps.{D}").status == 404
    assert edged.ask(f"apps.{D}").status == 404


def test_a_path_takes_neither_its_longer_sibling_nor_what_the_app_must_not_see(edged: Edged) -> None:
    one = edged.ask(f"hub.{D}", "/agent/1/deep?a=b").json
    assert (one["name"], one["path"]) == ("agent-1", "/deep?a=b")
    assert one["headers"]["x-forwarded-prefix"] == "/agent/1"
    ten = edged.ask(f"hub.{D}", "/agent/10/deep").json
    assert (ten["name"], ten["path"]) == ("agent-10", "/agent/10/deep")
    assert edged.ask(f"hub.{D}", "/agent/10").json["name"] == "agent-10"
    assert edged.ask(f"hub.{D}", "/agent/100").json["name"] == "hub"


def test_a_stripped_path_without_its_slash_is_sent_to_the_one_with_it(edged: Edged) -> None:
    answer = edged.ask(f"hub.{D}", "/agent/1")
    assert answer.status in (301, 308)
    assert answer.headers["location"].endswith("/agent/1/")


def test_a_login_lets_in_who_knows_the_password_and_keeps_it_from_the_app(edged: Edged) -> None:
    def ask(password: str) -> int:
        word = base64.b64encode(f"alice:{password}".encode()).decode()
        return edged.ask(f"locked.{D}", headers={"Authorization": f"Basic {word}"}).status

    assert edged.ask(f"locked.{D}").status == 401
    assert ask("wrong") == 401
    assert ask("open sesame") == 200
    word = base64.b64encode(b"alice:open sesame").decode()
    there = edged.ask(f"locked.{D}", headers={"Authorization": f"Basic {word}"}).json["headers"]
    assert "authorization" not in there


def test_another_spoke_decides_who_comes_in_and_says_who_it_is(edged: Edged) -> None:
    refused = edged.ask(f"guarded.{D}", headers={"Remote-User": "mallory"})
    assert (refused.status, refused.body) == (401, b"who are you?")
    let_in = edged.ask(f"guarded.{D}", headers={"X-Word": "please", "Remote-User": "mallory"})
    assert let_in.json["headers"]["remote-user"] == "alice"


def test_a_login_is_told_what_is_asked_for_and_not_what_a_client_makes_up(edged: Edged) -> None:
    forged = dict.fromkeys(("X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method"), "forged.test")
    asked = {"X-Word": "please", "X-Forwarded-Proto": "https", "Remote-Asked": "nothing", **forged}
    let_in = edged.ask(f"guarded.{D}", "/deep?a=b", headers=asked)
    assert let_in.json["headers"]["remote-asked"] == f"GET http guarded.{D} /deep?a=b"


def test_headers_are_set_and_taken_away(edged: Edged) -> None:
    headers = edged.ask(f"safe.{D}").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-robots-tag"] == "noindex"
    assert headers.keys().isdisjoint({"server", "x-powered-by", "strict-transport-security"})


def test_a_body_that_is_too_large_is_refused(edged: Edged) -> None:
    # Caddy 2.6 refuses it with another status.
    too_large = (413,) if edged.edge == "traefik" else (413, 502)
    assert edged.ask(f"small.{D}", method="POST", body=b"x" * 1000).json["body"] == 1000
    assert edged.ask(f"small.{D}", method="POST", body=b"x" * 2000).status in too_large


def test_what_is_long_is_compressed_for_who_understands_it(edged: Edged) -> None:
    accepts = {"Accept-Encoding": "gzip"}
    assert edged.ask(f"packed.{D}", "/long", headers=accepts).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in edged.ask(f"packed.{D}", "/long").headers
    assert "content-encoding" not in edged.ask(f"hub.{D}", "/long", headers=accepts).headers


def test_a_cookie_keeps_a_client_at_one_container(edged: Edged) -> None:
    def spread() -> set[str]:
        return {edged.ask(f"many.{D}").json["container"] for _ in range(10)}

    wait_for(lambda: len(spread()) == 2)
    first = edged.ask(f"many.{D}")
    cookie = first.headers["set-cookie"].split(";")[0]
    with_cookie = {edged.ask(f"many.{D}", headers={"Cookie": cookie}).json["container"] for _ in range(10)}
    assert with_cookie == {first.json["container"]}


def test_a_websocket_goes_through(edged: Edged) -> None:
    with edged.connect(f"hub.{D}") as sock:
        asked = (
            f"GET /ws HTTP/1.1\r\nHost: hub.{D}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        sock.sendall(asked.encode())
        with sock.makefile("rb") as answer:
            assert answer.readline().split()[1] == b"101"
            while answer.readline().strip():
                pass
            sock.sendall(b"\x81\x85\0\0\0\0hello")
            assert answer.read(7) == b"\x81\x05hello"


def test_the_stacks_own_authority_signs_and_nothing_else_is_served(edged: Edged) -> None:
    answer = edged.ask(f"secret.{D}", tls=True)
    assert answer.json["name"] == "hub"
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert edged.ask(f"a.wild-secret.{D}", tls=True).json["name"] == "hub"
    with pytest.raises(ssl.SSLError):
        edged.ask(f"hub.{D}", tls=True)
    # Nobody who does not trust the authority gets in.
    with pytest.raises(ssl.SSLError):
        edged.connect_trusting_others(f"secret.{D}")


def test_plain_http_is_sent_to_https_in_one_hop_or_leads_nowhere(edged: Edged) -> None:
    answer = edged.ask(f"secret.{D}", "/a?b=c")
    assert (answer.status, answer.headers["location"]) in (
        (301, f"https://secret.{D}/a?b=c"),
        (308, f"https://secret.{D}/a?b=c"),
    )
    assert edged.ask(f"a.wild-secret.{D}").status == 404


def test_who_asks_too_often_has_to_wait(edged: Edged) -> None:
    if only_traefik(edged):
        statuses = [edged.ask(f"slow.{D}").status for _ in range(6)]
        assert statuses[:3] == [200, 200, 200]
        assert 429 in statuses
    else:
        text = (edged.stack.root / "spokes" / "hub.yaml").read_text()
        limited = json.loads(text) | {"route": [{"host": "hub", "port": 8080, "rate_limit": "1/s"}]}
        (edged.stack.root / "spokes" / "hub.yaml").write_text(json.dumps(limited))
        said = edged.stack.run("lint").stdout
        (edged.stack.root / "spokes" / "hub.yaml").write_text(text)
        assert "SC612" in said
        assert "edge: traefik" in said


def test_streams_go_through(edged: Edged) -> None:
    if not only_traefik(edged):
        assert 5432 not in edged.ports
        return
    with socket.create_connection(edged.ports[5432], timeout=20) as tcp:
        tcp.sendall(b"hello\n")
        assert tcp.makefile("rb").readline() == b"tcp hello\n"

    def udp() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            sock.sendto(b"hello", edged.ports[5353])
            try:
                return sock.recv(100)
            except TimeoutError:
                return b""

    assert wait_for(udp) == b"udp hello"


def test_a_changed_route_is_read_again_by_the_same_container(edged: Edged) -> None:
    stack, file = edged.stack, edged.stack.root / "spokes" / "exact.yaml"
    before, app_before, text = stack.container(edged.edge), stack.container("exact"), file.read_text()
    plan_before = stack.json("plan")["plan"]["actions"]
    assert {a["verb"] for a in plan_before} == {"nothing"}
    changed = json.loads(text)
    changed["route"].append({"host": "later", "port": 8080, "tls": "internal"})
    file.write_text(json.dumps(changed))
    verbs = {a["spoke"]: a["verb"] for a in stack.json("plan")["plan"]["actions"]}
    by_labels = "traefik.enable" in stack.docker("inspect", "-f", "{{.Config.Labels}}", app_before)
    assert (verbs[edged.edge], verbs["exact"]) == ("reload", "recreate" if by_labels else "nothing")
    assert edged.ask(f"later.{D}").status == 404
    done = stack.run("up", "--yes", "--allow-exposure", "--no-verify")
    assert done.returncode == 0, done.stdout + done.stderr
    began = time.monotonic()
    wait_for(lambda: works(edged, f"later.{D}"))
    assert time.monotonic() - began < 10
    assert stack.container(edged.edge) == before
    assert (stack.container("exact") == app_before) is not by_labels
    assert {a["verb"] for a in stack.json("plan")["plan"]["actions"]} == {"nothing"}
    checked = {r["check"]["code"]: r["outcome"] for r in stack.json("verify", "exact")["results"]}
    assert checked["CK104"] == "passed"
    file.write_text(text)
    assert stack.run("up", "--yes", "--allow-exposure", "--no-verify").returncode == 0
    wait_for(lambda: edged.ask(f"later.{D}").status == 404)
    assert stack.container(edged.edge) == before


def works(edged: Edged, host: str) -> bool:
    try:
        return edged.ask(host, tls=True).status == 200
    except ssl.SSLError:
        return False


def test_the_edge_cannot_reach_docker_where_files_say_the_routes(edged: Edged) -> None:
    rendered = (edged.stack.root / "docker-compose.yml").read_text()
    assert rendered.count("/var/run/docker.sock") <= 2
    config = Path(edged.stack.root / "rendered" / edged.edge)
    texts = "".join(path.read_text() for path in config.rglob("*") if path.is_file())
    assert ("2375" in texts) == ("Label(" in texts)


def test_the_authority_is_shown_and_how_to_trust_it_is_only_said(edged: Edged) -> None:
    before = {path: path.stat().st_mtime for path in (edged.stack.root / ".stackctl").rglob("*")}
    said = edged.stack.json("ca")
    assert {leaf["host"] for leaf in said["signed"]} == {f"secret.{D}", f"*.wild-secret.{D}", f"vault.{D}"}
    steps = edged.stack.json("ca", "trust")["trust"]
    assert any(str(edged.authority) in step and "--cacert" in step for step in steps)
    after = {path: path.stat().st_mtime for path in (edged.stack.root / ".stackctl").rglob("*")}
    assert after == before


def test_a_certificate_that_is_signed_anew_is_served_by_the_same_container(edged: Edged) -> None:
    before = edged.stack.container(edged.edge)
    served = ssl_serial(edged, f"secret.{D}")
    (edged.stack.root / ".stackctl" / "tls" / f"secret.{D}.pem").unlink()
    assert edged.stack.run("up", "--yes", "--allow-exposure", "--no-verify").returncode == 0
    wait_for(lambda: ssl_serial(edged, f"secret.{D}") != served)
    assert edged.stack.container(edged.edge) == before


def ssl_serial(edged: Edged, host: str) -> object:
    with edged.connect(host, tls=True) as sock:
        assert isinstance(sock, ssl.SSLSocket)
        return (sock.getpeercert() or {})["serialNumber"]


ASKED = {"CK305", "CK307", "CK308", "CK309"}


def results(edged: Edged, *spokes: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Code and title of each route check -> outcome, and what was seen."""
    found = edged.stack.json("verify", *spokes)["results"]
    return {
        (r["check"]["code"], r["check"]["title"]): (r["outcome"], r["saw"])
        for r in found
        if r["check"]["code"].startswith("CK3")
    }


def test_every_route_check_passes_and_those_of_tls_are_among_them(edged: Edged) -> None:
    found = results(edged)
    assert {key: seen for key, seen in found.items() if seen[0] != "passed"} == {}
    for host, codes in (
        (f"secret.{D}", ASKED - {"CK309"}),
        (f"any-name.wild-secret.{D}", {"CK305", "CK307"}),
        (f"vault.{D}", ASKED),
    ):
        assert codes <= {code for code, title in found if host in title}
    assert {"CK301", "CK302", "CK304", "CK306", "CK310"} <= {code for code, _ in found}
    # Where no label says a route, there is none to look at; only Traefik has a dashboard.
    assert only_traefik(edged) or "CK303" not in {code for code, _ in found}
    assert ("CK325" in {code for code, _ in found}) == only_traefik(edged)
    [certificate] = [saw for (code, title), (_, saw) in found.items() if code == "CK307" and "vault" in title]
    assert f"for vault.{D}, signed by stackctl {edged.stack.name} local authority" in certificate


def test_what_does_not_hold_turns_its_check_red(edged: Edged) -> None:
    """The files state more than the edge has read, and it serves certificates that nobody should take."""
    file = edged.stack.root / "spokes" / "hub.yaml"
    before = file.read_text()
    stated = json.loads(before)
    for route in stated["route"]:
        if route["host"] == "safe":
            route["auth"] = {"basic": {"alice": HASH}}
        if route["host"] == "packed":
            route["tls"] = "internal"
    with wrong_certificates(edged, another=f"secret.{D}", ending=f"vault.{D}"):
        file.write_text(json.dumps(stated))
        try:
            found = results(edged, "hub")
        finally:
            file.write_text(before)
    failed = {key: saw for key, (outcome, saw) in found.items() if outcome == "failed"}
    assert failed.pop(("CK309", f"safe.{D} asks who comes")) == "answered 200, not 401"
    redirect = failed.pop(("CK308", f"http://packed.{D} leads to https in one hop"))
    assert redirect == f"answered 200 instead of leading to https://packed.{D}/"
    refused = failed.pop(("CK307", f"the certificate for packed.{D} holds"))
    assert refused.startswith(f"refused TLS for packed.{D}: ")
    assert "does not hold" in failed.pop(("CK307", f"the certificate for secret.{D} holds"))
    assert "its certificate ends in 7" in failed.pop(("CK307", f"the certificate for vault.{D} holds"))
    assert {code for code, _ in failed} <= {"CK303"}


def test_each_route_check_notices_that_its_guard_is_broken(edged: Edged) -> None:
    opened = open_stack(edged.stack.root)
    secret = ("secret", "vault", "board", "undeclared", "any-name.wild-secret")
    wanted = [
        check
        for check in checks(opened.stack, opened.bundle)
        if check.code in {*ASKED, "CK301", "CK302", "CK310", "CK325"}
        and (check.spoke == edged.edge or any(f"{name}.{D}" in check.title for name in secret))
    ]
    authority = edged.authority.read_text()
    with Engine.connect() as engine:
        observed = in_full(engine, observe(engine, edged.stack.name))
        image = "stackctl.local/python:3.13-alpine"
        events = list(prove(wanted, opened.stack, opened.bundle, observed, engine, image, ca=authority))
    noticed = [event.result for event in events if isinstance(event, Checked)]
    assert len(noticed) == len(wanted) > 8
    assert {f"{r.check.code} {r.check.title}": r.saw for r in noticed if not r.holds} == {}


def test_the_dashboard_answers_under_its_own_name_and_to_who_logs_in(edged: Edged) -> None:
    word = base64.b64encode(b"alice:open sesame").decode()
    known = edged.ask(f"board.{D}", "/api/version", headers={"Authorization": f"Basic {word}"})
    unknown = edged.ask(f"board.{D}", "/api/version")
    if not only_traefik(edged):
        assert (known.status, unknown.status) == (404, 404)
        return
    assert "Codename" in known.json
    assert (unknown.status, edged.ask(f"board.{D}", "/dashboard/").status) == (401, 401)
    file = edged.stack.root / "rendered" / "traefik" / "routes" / "by-hand.yml"
    leak = {
        "rule": "PathPrefix(`/api`)",
        "entryPoints": ["web"],
        "service": "api@internal",
        "priority": 2**31 - 1,
    }
    file.write_text(json.dumps({"http": {"routers": {"by-hand": leak}}}))
    try:
        wait_for(lambda: edged.ask(f"nobody.{D}", "/api/version").status == 200)
        found = results(edged, "traefik")
    finally:
        file.unlink()
        wait_for(lambda: edged.ask(f"nobody.{D}", "/api/version").status == 404)
    failed = {(code, title) for (code, title), (outcome, _) in found.items() if outcome == "failed"}
    shown = {
        ("CK325", f"shows no dashboard at http://{host}.{D}") for host in ("undeclared-by-any-spoke", "hub")
    }
    assert shown <= failed
    assert ("CK309", f"board.{D} asks who comes") in failed
