"""An edge as stackctl renders it beside one of the same kind with the least that works, at the same time."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import stacks
from bench.measure import Ratio, Session

RENDERED, MINIMAL = "edge as rendered", "edge by hand"
PAIRS, ROUNDS, CONNECTIONS = 20, 10, 16
SECONDS = 1
"""Of each run of wrk; the pairs together last as long with every edge."""
_TRIES = 5

_APP = """
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8000), Page).serve_forever()
"""
_HOST = "whoami.stack.localhost"
_HEALTH = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/')"


@dataclass(frozen=True)
class Way:
    """One of the ways in which an edge learns of routes."""

    title: str
    edge: str
    by: str

    @property
    def start(self) -> str:
        return f"first answer, {self.title}"

    @property
    def flow(self) -> str:
        return f"throughput, {self.title}"


WAYS = (
    Way("Traefik, labels", "traefik", "labels"),
    Way("Traefik, files", "traefik", "files"),
    Way("Caddy", "caddy", "files"),
)
# 0.95 of the requests in the same time.
RATIOS = tuple(
    Ratio(case, RENDERED, MINIMAL, bar, pairs=pairs)
    for way in WAYS
    for case, bar, pairs in ((way.start, 1.1, False), (way.flow, 1 / 0.95, True))
)


class Edges:
    """The two edges of one stack: same image, same networks, same apps; by labels, the same socket proxy."""

    def __init__(self, way: Way, root: Path, name: str, stackctl: str, images: Mapping[str, str]) -> None:
        self.way, self.root, self.name, self.stackctl, self.images = way, root, name, stackctl, images
        self.by_hand = f"{name}-by-hand"
        self.own = root / "by-hand"

    def docker(self, *words: str) -> str:
        done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise SystemExit(f"bench: docker {words[0]}: {done.stderr}")
        return done.stdout.strip()

    def port(self, container: str) -> int:
        return int(self.docker("port", container, "80/tcp").splitlines()[0].rpartition(":")[2])

    @property
    def ports(self) -> dict[str, int]:
        return {RENDERED: self.port(f"{self.name}-{self.way.edge}-1"), MINIMAL: self.port(self.by_hand)}

    def carry_out(self) -> subprocess.Popen[str]:
        words = ("up", "--profile", "core", "--yes", "--no-verify", "--allow-exposure")
        return subprocess.Popen(
            [self.stackctl, *words],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def carried_out(self, up: subprocess.Popen[str]) -> None:
        said, _ = up.communicate(timeout=300)
        if up.returncode:
            raise SystemExit(f"bench: stackctl up: {said}")

    @contextmanager
    def up(self) -> Iterator[None]:
        self.write()
        try:
            self.carried_out(self.carry_out())
            self.start_by_hand()
            yield
        finally:
            subprocess.run(["docker", "rm", "-f", self.by_hand], capture_output=True, check=False)
            subprocess.run(
                ["docker", "compose", "--profile", "*", "down", "-t", "0"],
                cwd=self.root,
                capture_output=True,
                timeout=120,
                check=False,
            )

    def write(self) -> None:
        stacks.to_route(self.root, self.name, self.images)
        stack = self.root / "stack.yaml"
        edge = f"edge: {{name: {self.way.edge}, routes: {self.way.by}}}"
        stack.write_text(re.sub(r"^edge: .*$", edge, stack.read_text(), flags=re.MULTILINE))
        local = json.loads((self.root / "stack.local.yaml").read_text())
        local["ports"] = {self.way.edge: ["127.0.0.1::80"]}
        (self.root / "stack.local.yaml").write_text(json.dumps(local))

    # ---- by hand

    def start_by_hand(self) -> None:
        self.own.mkdir()
        if self.way.by == "files":
            self.tell_by_hand(_HOST, "whoami:80")
        words = ["create", "--name", self.by_hand, "--network", f"{self.name}_proxy"]
        words += ["--label", f"com.docker.compose.project={self.name}", "--publish", "127.0.0.1::80"]
        if self.way.by == "files":
            words += ["--volume", f"{self.own}:/etc/{self.way.edge}:ro"]
        words.append(self.images[self.way.edge])
        if self.way.edge == "caddy":
            words += ["caddy", "run", "--config", "/etc/caddy/Caddyfile"]
        else:
            words.append("--entrypoints.web.address=:80")
            words += self.provider()
        self.docker(*words)
        if self.way.by == "labels":
            self.docker("network", "connect", f"{self.name}_socket", self.by_hand)
        self.docker("start", self.by_hand)

    def provider(self) -> list[str]:
        if self.way.by == "files":
            return ["--providers.file.directory=/etc/traefik"]
        return [
            "--providers.docker=true",
            "--providers.docker.endpoint=tcp://docker-socket-proxy:2375",
            "--providers.docker.exposedbydefault=false",
            f"--providers.docker.network={self.name}_proxy",
        ]

    def tell_by_hand(self, host: str, place: str) -> None:
        """Adds a route to the file by hand; Traefik sees that by itself, Caddy is told to read it."""
        if self.way.edge == "caddy":
            with (self.own / "Caddyfile").open("a") as file:
                file.write(f"http://{host} {{\n\treverse_proxy {place}\n}}\n")
            if host != _HOST:
                self.docker("exec", self.by_hand, "caddy", "reload", "--config", "/etc/caddy/Caddyfile")
            return
        name = host.partition(".")[0]
        http = {
            "routers": {name: {"rule": f"Host(`{host}`)", "service": name}},
            "services": {name: {"loadBalancer": {"servers": [{"url": f"http://{place}"}]}}},
        }
        # Put there in one go: an edge that reads half of it would have to read again.
        (self.own / "new").write_text(json.dumps({"http": http}))
        (self.own / "new").rename(self.own / f"{name}.yml")

    # ---- apps

    @contextmanager
    def app(self, host: str) -> Iterator[str]:
        """A new app with labels for `host` and a healthcheck; its id."""
        router = f"traefik.http.routers.{host.partition('.')[0]}"
        service = router.replace("routers", "services")
        id = self.docker(
            *("run", "-d", "--network", f"{self.name}_proxy", "--entrypoint", "python3"),
            *("--label", f"com.docker.compose.project={self.name}", "--label", "traefik.enable=true"),
            *("--label", f"{router}.rule=Host(`{host}`)", "--label", f"{router}.entrypoints=web"),
            *("--label", f"{service}.loadbalancer.server.port=8000"),
            *("--health-cmd", f'python3 -c "{_HEALTH}"', "--health-interval", "1s"),
            *(self.images["python"], "-c", _APP),
        )
        try:
            yield id
        finally:
            self.docker("rm", "-f", id)

    @contextmanager
    def spoke(self, host: str) -> Iterator[str]:
        """A new spoke with a route and a healthcheck, while `stackctl up` brings it up; its name."""
        name = host.partition(".")[0]
        manifest = {
            "kind": "app",
            "image": self.images["python"],
            "profiles": ["core"],
            "networks": ["proxy"],
            "entrypoint": ["python3", "-c", _APP],
            "healthcheck": {"test": ["CMD", "python3", "-c", _HEALTH], "interval": "1s"},
            "route": [{"host": host, "port": 8000}],
        }
        (self.root / "spokes" / f"{name}.yaml").write_text(json.dumps(manifest))
        up = self.carry_out()
        try:
            yield name
        finally:
            self.carried_out(up)


def first_answers(edges: Edges, rounds: int) -> dict[str, list[float]]:
    """Milliseconds from the healthy event of a new app to its first 200, over both edges at once.

    Where labels say the routes, both edges see the container by themselves. Where files do, stackctl brings
    the spoke up, and by hand the route is written once the app is healthy, as somebody does who waits for it.
    """
    taken: dict[str, list[float]] = {RENDERED: [], MINIMAL: []}
    ports, by_files = edges.ports, edges.way.by == "files"
    for number in range(rounds):
        host = f"new{number}.bench.localhost"
        form = '{{.Action}} {{.ID}} {{index .Actor.Attributes "com.docker.compose.service"}}'
        watch = subprocess.Popen(
            ["docker", "events", "--filter", "event=health_status", "--format", form],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert watch.stdout is not None
        try:
            with (edges.spoke if by_files else edges.app)(host) as id:
                for line in watch.stdout:
                    if "healthy" in line and "unhealthy" not in line and id in line.split():
                        break
                began = time.perf_counter()
                threads = [
                    threading.Thread(target=_until_answered, args=(port, host, began, taken[name], b"ok"))
                    for name, port in ports.items()
                ]
                if by_files:
                    threads.append(threading.Thread(target=edges.tell_by_hand, args=(host, f"{id}:8000")))
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
        finally:
            watch.terminate()
            watch.wait()
    return taken


def _until_answered(port: int, host: str, began: float, into: list[float], body: bytes = b"") -> None:
    pause = threading.Event()
    while time.perf_counter() - began < 30:
        peer = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            peer.request("GET", "/", headers={"Host": host})
            answer = peer.getresponse()
            # Caddy answers a name that it does not know with an empty 200.
            if answer.status == 200 and body in answer.read():
                into.append((time.perf_counter() - began) * 1000)
                return
        except (OSError, http.client.HTTPException):
            pass  # not yet
        finally:
            peer.close()
        pause.wait(0.01)
    raise SystemExit(f"bench: {host} was not answered within 30 s")


def throughput(edges: Edges, wrk: list[str], pairs: int) -> dict[str, list[float]]:
    """Milliseconds for a million requests, over each edge in turn."""
    taken: dict[str, list[float]] = {RENDERED: [], MINIMAL: []}
    ports = edges.ports
    for port in ports.values():
        _until_answered(port, _HOST, time.perf_counter(), [])
    for number in range(-1, pairs):
        names = (RENDERED, MINIMAL) if number % 2 else (MINIMAL, RENDERED)
        for name in names:
            rate = _rate(wrk, f"http://127.0.0.1:{ports[name]}/", _HOST)
            if number >= 0:
                taken[name].append(1_000_000_000 / rate)
    return taken


def _rate(wrk: list[str], url: str, host: str) -> float:
    words = ["-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-H", f"Host: {host}", url]
    for _ in range(_TRIES):
        done = subprocess.run([*wrk, *words], capture_output=True, text=True, timeout=60, check=False)
        found = re.search(r"Requests/sec:\s+([0-9.]+)", done.stdout)
        # On a starved machine no request comes back in time, which says nothing of the edge.
        if not done.returncode and found and float(found[1]) and "Non-2xx" not in done.stdout:
            return float(found[1])
    raise SystemExit(f"bench: wrk: {done.stdout}{done.stderr}")


def edges(
    session: Session, root: Path, stackctl: str, images: Mapping[str, str], wrk: list[str], *, quick: bool
) -> None:
    for number, way in enumerate(WAYS):
        name = f"stackctl-bench-{os.getpid()}-{secrets.token_hex(2)}"
        both = Edges(way, root / str(number), name, stackctl, images)
        with both.up():
            session.raw[way.flow] = throughput(both, wrk, 4 if quick else PAIRS)
            session.raw[way.start] = first_answers(both, 3 if quick else ROUNDS)
