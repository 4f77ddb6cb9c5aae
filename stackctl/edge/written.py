"""What stackctl writes for the stack's edge, whichever it is: stanza, files, and what it reads again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from stackctl import fingerprint, yaml_text
from stackctl.edge import caddy, caddy_labels, traefik
from stackctl.edge.middlewares import TLS_DIR, listens_for_tls
from stackctl.edge.precedence import Upstreams
from stackctl.model import NOTHING, Edge, RoutesBy, Spoke, Stack

TLS_SOURCE = ".stackctl/tls"
"""In the stack's folder on this host: what its own authority signed for the edge."""


def is_edge(stack: Stack, spoke: Spoke) -> bool:
    """Whether stackctl writes this spoke's configuration and healthcheck."""
    return traefik.is_edge(stack, spoke) or caddy.is_edge(stack, spoke)


def config_dir(stack: Stack) -> str:
    """Where an edge of this stack reads its configuration."""
    return traefik.CONFIG_DIR if stack.edge is Edge.TRAEFIK else caddy.CONFIG_DIR


def labels(stack: Stack, spoke: Spoke) -> dict[str, str]:
    """The routes of a spoke as labels of its container; none where files say them."""
    if stack.routing.by is RoutesBy.FILES or not spoke.routes:
        return {}
    if stack.edge is Edge.TRAEFIK:
        return traefik.labels(stack, spoke)
    return caddy_labels.labels(stack, spoke) if stack.edge is Edge.CADDY else {}


def stanza(stack: Stack, edge: Spoke) -> dict[str, Any]:
    """What the edge's container needs beside its mounts, where the spoke does not state it."""
    # A busy machine takes seconds to start a program in a container; that is no illness of the edge.
    often = {"interval": "3s", "timeout": "10s", "start_period": "10s"}
    if stack.edge is Edge.TRAEFIK:
        return {"healthcheck": {"test": ["CMD", "traefik", "healthcheck"], **often}}
    return {
        "healthcheck": {"test": list(caddy.HEALTHCHECK), **often},
        "command": list(caddy.COMMAND),
        "environment": dict(caddy.ENVIRONMENT),
    }


def mounts(edge: Spoke) -> list[dict[str, Any]]:
    """The certificates of the stack's own authority, for an edge that is there for https at all."""
    if not listens_for_tls(edge):
        return []
    return [
        {
            "type": "bind",
            "source": f"./{TLS_SOURCE}",
            "target": TLS_DIR,
            "read_only": True,
            "bind": {"create_host_path": False},
        }
    ]


def reloaded(stack: Stack, upstreams: Upstreams = NOTHING, witness: str = "") -> dict[str, bytes]:
    """Name -> content of what the edge reads again while it runs, below its configuration.

    For Traefik, `upstreams` names the containers that requests go to, where that is not for Docker's DNS to
    say, and `witness` is a host name that tells by its answer that it has read this.
    """
    if stack.edge is Edge.TRAEFIK:
        return {traefik.ROUTES_FILE: yaml_text.dump(traefik.routes_file(stack, upstreams, witness)).encode()}
    text = json.dumps(caddy.configuration(stack), indent=2, ensure_ascii=False)
    return {caddy.CONFIG_FILE: f"{text}\n".encode()}


def digest(files: Mapping[str, bytes]) -> str:
    """Tells whether what an edge reads again is what it has read."""
    return fingerprint.sha256({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})


def declared(stack: Stack) -> Mapping[str, Any]:
    """What the edge's own configuration follows from; it enters its fingerprint."""
    return traefik.values(stack) if stack.edge is Edge.TRAEFIK else {"stack": stack.name}
