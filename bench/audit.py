"""The audit of a socket proxy beside a bare socket loop and beside one `docker run`."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from bench.measure import Session
from stackctl.engine import Engine
from stackctl.model import Kind, Observed, Spoke, Stack
from stackctl.observe import container as container_of
from stackctl.policy import enforced
from stackctl.verify import audit as audits
from stackctl.verify import copies, recorder
from stackctl.verify.live import LEAKS
from stackctl.verify.matrix import operation_probes, trick_probes
from stackctl.verify.throwaway import Probing, a_run

CASE = "audit"
ENVIRONMENT = {"CONTAINERS": "1", "POST": "0"}
PARTS = (
    "operations",
    "tricks",
    "upgrades",
    "undeclared-upgrades",
    "live",
    *(f"leak-{kind}" for kind in LEAKS),
)

# The same requests in the same order over one connection, with nothing kept and nothing asked at once.
BARE = """

def run(work, recorder):
    import select
    place = work["place"]
    wait_for(place, work["seconds"])
    probes = work["whole"] + work["tricks"]
    tricks = set(p["id"] for p in work["tricks"])
    for probe in probes:
        probe["raw"] = probe["raw"].encode("latin-1")
    began = time.monotonic()
    peer = None
    for probe in probes:
        if peer is None or probe["id"] in tricks:
            peer = connect(place, 5.0)
        peer.sendall(probe["raw"])
        data = b""
        while select.select([peer], [], [], work["silence"])[0]:
            part = peer.recv(65536)
            data += part
            head, found, body = data.partition(b"\\r\\n\\r\\n")
            if not part:
                peer = None
                break
            if found and probe["id"] not in tricks:
                length = head.lower().partition(b"content-length:")[2].split(b"\\r\\n")[0]
                if probe["method"] == "HEAD" or (length and len(body) >= int(length)):
                    if b"connection: close" in head.lower():
                        peer = None
                    break
    took = time.monotonic() - began
    return {"replies": [], "arrived": [], "took": took}


main()
"""


def audit(session: Session, proxy_image: str, prober_image: str) -> None:
    """`request phase` and `bare loop`, `audit` and `docker run` of the case `audit`, in milliseconds."""
    taken: dict[str, list[float]] = {
        name: [] for name in ("request phase", "bare loop", "audit", "docker run")
    }
    spoke = Spoke(
        "proxy",
        Kind.SOCKET_PROXY,
        {
            "image": "tecnativa/docker-socket-proxy:v0.4.1",
            "environment": ENVIRONMENT,
            "networks": {"socket": None},
        },
    )
    name = f"stackctl-bench-{os.getpid()}-{secrets.token_hex(2)}"
    stack = Stack(name, (spoke,), networks={"socket": {"name": name, "internal": True}})
    with running(name, proxy_image) as id, Engine.connect() as engine, tempfile.TemporaryDirectory() as work:
        bare = Path(work) / "bare.py"
        bare.write_text(
            Path(recorder.__file__).read_text().partition('\n\nif __name__ == "__main__"')[0] + BARE
        )
        inspect = engine.get(f"/containers/{id}/json")
        container = container_of(
            {**inspect, "Config": {**inspect["Config"], "Labels": {"stackctl.spoke": "proxy"}}}
        )
        observed, policy = Observed(name, (container,)), enforced(spoke)
        assert policy is not None
        sdk = engine.sdk()
        probing, probes = (
            Probing(sdk, prober_image, name),
            (
                *operation_probes(policy, "1.41"),
                *(p for p in trick_probes(policy, "1.41") if not p.id.startswith("t")),
            ),
        )
        run = [
            "docker",
            "run",
            "--rm",
            "--network",
            "none",
            "--entrypoint",
            "python3",
            prober_image,
            "-c",
            "pass",
        ]
        for number in range(-1, session.rounds):
            began = time.perf_counter()
            subprocess.run(run, check=True, capture_output=True)
            base = time.perf_counter() - began
            began = time.perf_counter()
            with ThreadPoolExecutor() as pool, a_run(probing) as throwaway:
                verdicts = audits.audit(pool, throwaway, stack, observed, spoke, PARTS)()
            whole = time.perf_counter() - began
            unreachable = {n: saw for n, (outcome, saw) in verdicts.items() if outcome.value == "unreachable"}
            assert not unreachable, unreachable
            with a_run(probing) as throwaway:
                asked = copies.ask_copy(throwaway, inspect, probes).seconds
            with a_run(probing) as throwaway, mock.patch.object(recorder, "__file__", str(bare)):
                loop = copies.ask_copy(throwaway, inspect, probes).seconds
            if number >= 0:
                for key, seconds in zip(taken, (asked, loop, whole, base), strict=True):
                    taken[key].append(seconds * 1000)
        sdk.close()
    session.raw[CASE] = taken


@contextmanager
def running(name: str, image: str) -> Iterator[str]:
    """A socket proxy on a network of its own."""
    labels = ["--label", f"com.docker.compose.project={name}"]
    environment = [word for pair in ENVIRONMENT.items() for word in ("--env", "=".join(pair))]
    socket = "type=bind,source=/var/run/docker.sock,target=/var/run/docker.sock,readonly"
    run = ["docker", "run", "-d", "--network", name, "--mount", socket, *labels, *environment, image]
    subprocess.run(
        ["docker", "network", "create", "--internal", *labels, name], check=True, capture_output=True
    )
    id = ""
    try:
        id = subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()
        yield id
    finally:
        if id:
            subprocess.run(["docker", "rm", "-f", id], capture_output=True)
        subprocess.run(["docker", "network", "rm", name], capture_output=True)
