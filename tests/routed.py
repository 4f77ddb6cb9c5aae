"""A stack with one route behind an edge, what was seen of it, and answers to requests for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stackctl.checks import checks
from stackctl.checks_of_routes import HOST
from stackctl.doctor import chain
from stackctl.model import (
    BasicAuth,
    Bundle,
    Check,
    Container,
    Edge,
    Expect,
    ForwardAuth,
    Kind,
    Named,
    Observation,
    Observed,
    OnNetwork,
    Policy,
    Request,
    Route,
    Spoke,
    Stack,
)
from stackctl.verify.decide import Reply, Verdict, decide
from stackctl.verify.observations import OBSERVATIONS

LABELS = {
    "traefik.enable": "true",
    "traefik.http.routers.home-web.rule": "Host(`web.home`)",
    "traefik.http.services.home-web.loadbalancer.server.port": "80",
}
ROUTE = Route(("web.home",), 80, "/shelf/", strip=True)
WEB = Spoke("web", Kind.APP, {"image": "web", "networks": {"proxy": None}, "labels": LABELS}, routes=(ROUTE,))
EDGE = Spoke(
    "edge",
    Kind.EDGE,
    {
        "image": "traefik:v3.7",
        "networks": {"proxy": None, "socket": None},
        "ports": [{"target": 80, "published": "80"}, {"target": 443, "published": "443"}],
    },
)
PROXY = Spoke(
    "proxy",
    Kind.SOCKET_PROXY,
    {"image": "tecnativa/docker-socket-proxy:v0.4.2", "networks": {"socket": None}},
    policy=Policy(consumers=("traefik",)),
)
STACK = Stack(
    "home",
    (EDGE, PROXY, WEB),
    "home",
    Edge.TRAEFIK,
    networks={"proxy": {"name": "home_proxy"}, "socket": {"name": "home_socket", "internal": True}},
)
BUNDLE = Bundle({"services": {s.name: s.service for s in STACK.spokes}}, {}, {})


def container(spoke: str, labels: Mapping[str, str] | None = None, **more: Any) -> Container:
    networks = {"edge": ("home_proxy", "home_socket"), "proxy": ("home_socket",)}.get(spoke, ("home_proxy",))
    own = {**(LABELS if spoke == "web" and labels is None else labels or {}), "stackctl.spoke": spoke}
    found = Container(
        id=spoke * 8,
        name=f"home-{spoke}-1",
        image_id="",
        image={"edge": "traefik:v3.7.1"}.get(spoke, spoke),
        state="running",
        health="",
        exit_code=0,
        restarts=0,
        labels=own,
        networks={n: f"10.0.0.{len(spoke)}" for n in networks},
        mounts=(),
        ports=(),
        inspect={"State": {"StartedAt": "2026-01-01T10:00:00.5Z"}, "HostConfig": {}},
    )
    return replace(found, **more)


def seen(*containers: Container, **more: Any) -> Observed:
    known = {c.spoke: c for c in (container("edge"), container("proxy"), container("web"))}
    known |= {c.spoke: c for c in containers}
    return Observed("home", tuple(known.values()), engine_version="20.10", **more)


def looked(name: str, spoke: str, observed: Observed) -> Verdict:
    check = Check("CK101", spoke, "", Observation(name))
    return OBSERVATIONS[name](observed, STACK, BUNDLE, check)


def answered(expect: Expect, reply: Reply, *controls: Reply) -> Verdict:
    from stackctl.model import Control

    request = Request(HOST, Named("edge", 80), host="web.home")
    check = Check(
        "CK101", "web", "", request, expect, tuple(Control(request, Expect(), "") for _ in controls)
    )
    addresses = {("web", "proxy"): ("10.0.0.3", "10.0.0.5"), ("edge", "proxy"): ("10.0.0.4",)}
    return decide(check, (*controls, reply), {}, addresses)


def answer(status: int = 200, body: str = "", **more: Any) -> Reply:
    return Reply("answer", status, body=body, peer="10.0.0.4", **more)


def log(*lines: str) -> dict[str, str]:
    return {"edge": "\n".join(lines)}


NOBODY, APP = answer(404, "no"), answer(200, "app")
CALLED = Expect(called=OnNetwork("web", "proxy", 80), called_by="edge")
GOOD = {"wrong": "", "names": "web.home", "issuer": "home", "left": str(90 * 86400), "until": "soon"}
BOUND = {"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "80"}]}}}
NOISE = "2026-01-01T10:00:01Z ERR something of another app entryPointName=web"


def check_of(code: str, stack: Stack = STACK) -> Check:
    """As `verify` has it."""
    return next(check for check in checks(stack) if check.code == code)


def link_of(code: str) -> Check:
    """As `doctor` has it."""
    return next(check for check in chain(STACK, BUNDLE, seen(), WEB).asked if check.code == code)


def locked(auth: BasicAuth | ForwardAuth) -> Stack:
    web = replace(WEB, routes=(replace(ROUTE, auth=auth),))
    return replace(STACK, spokes=(EDGE, PROXY, web, replace(WEB, name="login", routes=())))


def basic() -> Check:
    return check_of("CK309", locked(BasicAuth((("kim", "hash"),))))


def forward() -> Check:
    return check_of("CK309", locked(ForwardAuth("login", 9091, "/decide")))


def asked(check: Check, *replies: Reply) -> Verdict:
    return decide(check, replies, {})
