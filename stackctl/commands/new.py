"""`stackctl new`: the page and manifest of a spoke, from a template."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from stackctl import files
from stackctl.commands.opened import find
from stackctl.commands.story import Ended, Story, WrittenAnswer
from stackctl.errors import StackctlError, UsageError
from stackctl.events import Found, Said
from stackctl.model import PROXY_NETWORK, Kind
from stackctl.read.partial import HOST_NAME, SPOKE_NAME
from stackctl.read.stack import read_stack
from stackctl.starter import NewSpoke, new_spoke

KINDS = (Kind.APP, Kind.JOB, Kind.SOCKET_PROXY)
PROXY_IMAGE = (
    "tecnativa/docker-socket-proxy:v0.4.2"
    "@sha256:1f3a6f303320723d199d2316a3e82b2e2685d86c275d5e3deeaf182573b47476"
)
_IMAGE = re.compile(r"[A-Za-z0-9][\w.:/@${}-]*\Z")
_PLAIN = re.compile(r"[\w./:${}@~-]+\Z")


def new(root: Path, spoke: NewSpoke, *, with_page: bool, with_manifest: bool) -> Story:
    """Writes the files, and none where that would make the stack's files invalid.

    Raises:
        UsageError: The name is taken or is none, or a value is not what it should be.
    """
    expect_free(root, spoke.name)
    _expect_sound(spoke)
    texts = files.load(root)
    stack = read_stack(texts).stack
    if stack is None:
        raise StackctlError("stack.yaml cannot be read", "see `stackctl lint`")
    for name in spoke.depends_on:
        if name not in [other.name for other in stack.spokes]:
            raise UsageError(f"there is no spoke named {name!r} to depend on")
    written = new_spoke(spoke, stack.name, stack.templates, with_page=with_page, with_manifest=with_manifest)
    known = read_stack(texts).findings
    wrong = [f for f in read_stack({**texts, **written}).findings if f.blocks and f not in known]
    if wrong:
        raise StackctlError(f"{wrong[0].at}: {wrong[0].message}; nothing was written", wrong[0].hint)
    for file, content in written.items():
        files.write_atomically(root / file, content)
    _, findings = find(root)
    yield from (Found(finding) for finding in findings)
    if spoke.kind is Kind.APP and not spoke.host:
        yield Said(f"without a host name, only spokes on the network `{PROXY_NETWORK}` reach it")
    # `up` takes along what a spoke depends on; the edge that routes to it is no dependency.
    edges = [edge.name for edge in stack.of_kind(Kind.EDGE)] if spoke.host else []
    after = " ".join(("stackctl up", *edges, spoke.name))
    return Ended(
        WrittenAnswer(
            stack.name,
            written=tuple(written),
            next=(f"stackctl edit {spoke.name}", "stackctl lint", after),
        )
    )


def expect_free(root: Path, name: str) -> None:
    """Before anything is asked of a person, so that nothing is answered in vain.

    Raises:
        UsageError: The name is taken, or is none.
    """
    if not SPOKE_NAME.match(name):
        raise UsageError(f"`{name}` cannot be the name of a spoke", "use a-z, 0-9, - and _")
    there = [path for s in ("md", "yaml", "yml") if (path := root / "spokes" / f"{name}.{s}").exists()]
    if there:
        raise UsageError(f"{there[0].relative_to(root)} exists already", f"change it: `stackctl edit {name}`")


def asked(spoke: NewSpoke, ask: Callable[[str, str], str]) -> NewSpoke:
    """What the command line left open, from the person."""
    from dataclasses import replace

    default = PROXY_IMAGE if spoke.kind is Kind.SOCKET_PROXY else ""
    image = spoke.image or ask("Image, with its tag", default)
    host = spoke.host
    port = spoke.port
    if spoke.kind is Kind.APP:
        host = host or ask("Host name, empty for none", "")
        if host and not port:
            given = ask("The port that it listens on", "80")
            port = int(given) if given.isdecimal() else -1
    profile = spoke.profile or ask("Profile, empty for always", "")
    return replace(spoke, image=image, host=host, port=port, profile=profile)


def _expect_sound(spoke: NewSpoke) -> None:
    if not spoke.image:
        raise UsageError("the spoke needs an image", "name it: --image traefik/whoami:v1.11.0")
    if not _IMAGE.match(spoke.image):
        raise UsageError(f"`{spoke.image}` is not an image", "as in `traefik/whoami:v1.11.0`")
    if spoke.host and (not HOST_NAME.match(spoke.host.lower()) or ".." in spoke.host):
        raise UsageError(f"`{spoke.host}` is not a host name", "letters, digits, `-` and `.`")
    if spoke.host and not spoke.port:
        raise UsageError(f"{spoke.host} needs the port that the image listens on", "name it: --port 8080")
    if not 0 <= spoke.port < 65536:
        raise UsageError("the port must be a number from 1 to 65535")
    for value in (spoke.profile, *spoke.volumes):
        if value and not _PLAIN.match(value):
            raise UsageError(f"`{value}` holds characters that a page cannot carry")
    if spoke.kind is not Kind.APP and (spoke.host or spoke.port):
        raise UsageError(f"a {spoke.kind.value} has no route: leave out --host and --port")
