"""What the program ships to start from: the files of a first stack, and the pages of a new spoke."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackctl.model import SOCKET_NETWORK, Kind
from stackctl.names import packaged_dir
from stackctl.spoke_templates import made_files
from stackctl.templates import Templates

SPOKES = {"traefik": ("docker-socket-proxy", "traefik"), "caddy": ("caddy",)}
"""Edge -> the shipped spokes that a stack begins with: what routes, and what reads Docker for it."""

_SHIPPED_NAME, _SHIPPED_DOMAIN = "homelab", "stack.localhost"


@dataclass(frozen=True)
class NewSpoke:
    """What a person says of a spoke that is to be."""

    name: str
    kind: Kind
    image: str
    host: str = ""
    port: int = 0
    profile: str = ""
    depends_on: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    template: str = ""
    """Empty means the plain one of its kind."""
    schedule: str = ""
    """Of a job, as cron writes it."""
    consumer: str = "traefik"
    """Of a socket proxy: whom it is for."""


def first_stack(name: str, domain: str, edge: str = "traefik") -> dict[str, bytes]:
    """The files of a stack with an edge, by path relative to its folder."""
    values = {"name": name, "domain": domain, "edge": edge}
    files = {
        target: Templates({}).text(f"init/{source}.j2", values).encode()
        for source, target in (
            ("stack.yaml", "stack.yaml"),
            ("env.example", ".env.example"),
            ("env", ".env"),
            ("gitignore", ".gitignore"),
        )
    }
    for spoke in SPOKES[edge]:
        for suffix in ("md", "yaml"):
            text = (_shipped_spokes() / f"{spoke}.{suffix}").read_text(encoding="utf-8")
            text = re.sub(rf"\b{_SHIPPED_NAME}_", f"{name}_", text).replace(_SHIPPED_DOMAIN, domain)
            # What the page records, and that it rests, is of the stack that it was shipped in.
            text = re.sub(r"\*\*Last change fingerprint:.*\n", "", text)
            text = re.sub(r"(\*\*Status:\*\*) .*, rests .*", r"\1 🟢 In use", text)
            others = "|".join({name for shipped in SPOKES.values() for name in shipped} - {*SPOKES[edge]})
            text = re.sub(rf"\[([^]]+)\]\((?:{others})\.md\)", r"\1", text)
            files[f"spokes/{spoke}.{suffix}"] = text.encode()
    return files


def prober_image() -> str:
    """The image that a first stack asks its questions from."""
    stated = re.search(
        r"^prober_image: (\S+)$", first_stack("x", "localhost")["stack.yaml"].decode(), re.MULTILINE
    )
    return stated[1] if stated else ""


def gitignore() -> bytes:
    """What of a stack's folder git must not see."""
    return Templates({}).text("init/gitignore.j2", {}).encode()


def new_spoke(
    spoke: NewSpoke,
    stack: str,
    own: Mapping[str, str],
    *,
    with_page: bool,
    with_manifest: bool,
    domain: str = "stack.localhost",
) -> dict[str, bytes]:
    """The files of a spoke; each field stands in the page where there is one."""
    values = template_values(spoke, stack, domain, with_page=with_page, with_manifest=with_manifest)
    made = made_files(spoke.template or spoke.kind.value, spoke.name, own, values)
    unwanted = ("" if with_page else ".md", "" if with_manifest else ".yaml")
    return {
        path: text.encode() for path, text in made.items() if not path.endswith(tuple(filter(None, unwanted)))
    }


def template_values(
    spoke: NewSpoke, stack: str, domain: str, *, with_page: bool = True, with_manifest: bool = True
) -> dict[str, Any]:
    """What the templates of a new spoke may print."""
    # A proxy for somebody else than the edge is not where the edge, or its proxy, is.
    own_network = spoke.kind is Kind.SOCKET_PROXY and not spoke.consumer.startswith("traefik")
    return {
        "spoke": spoke,
        "title": re.sub(r"[-_]", " ", spoke.name).title(),
        "stack": stack,
        "host": spoke.host if "." in spoke.host or not spoke.host else f"{spoke.host}.{domain}",
        "variable": re.sub(r"\W", "_", spoke.name).upper(),
        "network": spoke.name if own_network else SOCKET_NETWORK,
        "repository": re.sub(r"(?::[^:/@]*)?(?:@.*)?\Z", "", spoke.image),
        "digest": spoke.image.partition("@")[2],
        "with_page": with_page,
        "with_manifest": with_manifest,
    }


def _shipped_spokes() -> Path:
    """Beside the packaged templates, in a checkout as in the installed package."""
    return packaged_dir().parent / "spokes"
