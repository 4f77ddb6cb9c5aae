"""What the program ships to start from: the files of a first stack, and the pages of a new spoke."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stackctl.model import Kind
from stackctl.templates import Templates, packaged_dir

SPOKES = ("docker-socket-proxy", "traefik")
"""The shipped spokes that every stack begins with: what reads Docker, and what routes."""

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


def first_stack(name: str, domain: str) -> dict[str, bytes]:
    """The files of a stack with a socket proxy and an edge, by path relative to its folder."""
    values = {"name": name, "domain": domain}
    files = {
        target: Templates({}).text(f"init/{source}.j2", values).encode()
        for source, target in (
            ("stack.yaml", "stack.yaml"),
            ("env.example", ".env.example"),
            ("env", ".env"),
            ("gitignore", ".gitignore"),
        )
    }
    for spoke in SPOKES:
        for suffix in ("md", "yaml"):
            text = (_shipped_spokes() / f"{spoke}.{suffix}").read_text(encoding="utf-8")
            text = re.sub(rf"\b{_SHIPPED_NAME}_", f"{name}_", text).replace(_SHIPPED_DOMAIN, domain)
            # What the page records is of the stack that it was shipped in.
            text = re.sub(r"\*\*Last change fingerprint:.*\n", "", text)
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
    spoke: NewSpoke, stack: str, own: Mapping[str, str], *, with_page: bool, with_manifest: bool
) -> dict[str, bytes]:
    """The files of a spoke; each field stands in the page where there is one."""
    values = {
        "spoke": spoke,
        "title": re.sub(r"[-_]", " ", spoke.name).title(),
        "stack": stack,
        "repository": re.sub(r"(?::[^:/@]*)?(?:@.*)?\Z", "", spoke.image),
        "digest": spoke.image.partition("@")[2],
        "with_page": with_page,
        "with_manifest": with_manifest,
    }
    files = {}
    if with_page:
        files[f"spokes/{spoke.name}.md"] = Templates(own).text(f"pages/{spoke.kind}.md.j2", values).encode()
    if with_manifest:
        files[f"spokes/{spoke.name}.yaml"] = Templates(own).text("pages/manifest.yaml.j2", values).encode()
    return files


def _shipped_spokes() -> Path:
    """Beside the packaged templates, in a checkout as in the installed package."""
    return packaged_dir().parent / "spokes"
