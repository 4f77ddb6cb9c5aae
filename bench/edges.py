"""An edge as stackctl renders it beside one of the same kind with the least that works, at the same time."""

from __future__ import annotations

import http.client
import os
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import stacks
from bench.measure import Session

CASE_START, CASE_FLOW = "first answer", "throughput"
RENDERED, MINIMAL = "edge as rendered", "edge by hand"
PAIRS, SECONDS, CONNECTIONS = 20, 2, 16
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


class Edges:
    """The two edges of one stack: same image, same networks, same socket proxy; both see every container."""

    def __init__(self, root: Path, name: str, stackctl: str, images: dict[str, str]) -> None:
        self.root, self.name, self.stackctl, self.images = root, name, stackctl, images

    def docker(self, *words: str) -> str:
        done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise SystemExit(f"bench: docker {words[0]}: {done.stderr}")
        return done.stdout.strip()

    def port(self, container: str) -> int:
        return int(self.docker("port", container, "80/tcp").splitlines()[0].rpartition(":")[2])

    @property
    def ports(self) -> dict[str, int]:
        return {RENDERED: self.port(f"{self.name}-traefik-1"), MINIMAL: self.port(f"{self.name}-by-hand")}

    @contextmanager
    def up(self) -> Iterator[None]:
        done = subprocess.run(
            [self.stackctl, "up", "--profile", "core", "--yes", "--no-verify"],
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"bench: stackctl up: {done.stderr or done.stdout}")
        try:
            self.docker(
                *("create", "--name", f"{self.name}-by-hand", "--network", f"{self.name}_proxy"),
                *("--label", f"com.docker.compose.project={self.name}", "--publish", "127.0.0.1::80"),
                *(self.images["traefik"], "--entrypoints.web.address=:80", "--providers.docker=true"),
                *("--providers.docker.endpoint=tcp://docker-socket-proxy:2375",),
                *(
                    "--providers.docker.exposedbydefault=false",
                    f"--providers.docker.network={self.name}_proxy",
                ),
            )
            self.docker("network", "connect", f"{self.name}_socket", f"{self.name}-by-hand")
            self.docker("start", f"{self.name}-by-hand")
            yield
        finally:
            subprocess.run(["docker", "rm", "-f", f"{self.name}-by-hand"], capture_output=True, check=False)
            subprocess.run(
                ["docker", "compose", "--profile", "*", "down", "-t", "0"],
                cwd=self.root,
                capture_output=True,
                timeout=120,
                check=False,
            )

    @contextmanager
    def app(self, host: str) -> Iterator[str]:
        """A new app with a route for `host` and a healthcheck; its id."""
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


def first_answers(edges: Edges, rounds: int) -> dict[str, list[float]]:
    """Milliseconds from the healthy event of a new app to its first 200, over both edges at once."""
    taken: dict[str, list[float]] = {RENDERED: [], MINIMAL: []}
    ports = edges.ports
    for number in range(rounds):
        host = f"new{number}.bench.localhost"
        watch = subprocess.Popen(
            ["docker", "events", "--filter", "event=health_status", "--format", "{{.Action}} {{.ID}}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert watch.stdout is not None
        try:
            with edges.app(host) as id:
                for line in watch.stdout:
                    if "healthy" in line and "unhealthy" not in line and id in line:
                        break
                began = time.perf_counter()
                asking = [
                    threading.Thread(target=_until_answered, args=(port, host, began, taken[name]))
                    for name, port in ports.items()
                ]
                for thread in asking:
                    thread.start()
                for thread in asking:
                    thread.join()
        finally:
            watch.terminate()
            watch.wait()
    return taken


def _until_answered(port: int, host: str, began: float, into: list[float]) -> None:
    pause = threading.Event()
    while time.perf_counter() - began < 30:
        peer = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            peer.request("GET", "/", headers={"Host": host})
            if peer.getresponse().status == 200:
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
    session: Session, root: Path, stackctl: str, images: dict[str, str], wrk: list[str], *, quick: bool
) -> None:
    name = f"stackctl-bench-{os.getpid()}-{secrets.token_hex(2)}"
    both = Edges(root, name, stackctl, images)
    stacks.to_route(root, name, images)
    with both.up():
        session.raw[CASE_START] = first_answers(both, 3 if quick else 10)
        session.raw[CASE_FLOW] = throughput(both, wrk, 4 if quick else PAIRS)
