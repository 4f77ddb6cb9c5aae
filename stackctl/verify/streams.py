"""Whether `/events` outlives silence: asked of a copy whose timeouts are cut to a second."""

from __future__ import annotations

import io
import re
import tarfile
from typing import TYPE_CHECKING

from stackctl.haproxy import CONFIG_DIR, CONFIG_FILE, Timeouts, config
from stackctl.model import Container, Outcome, Spoke
from stackctl.policy import Enforced, Strict
from stackctl.strict import engine_socket, listen
from stackctl.verify.copies import Breach, NotAsked
from stackctl.verify.matrix import Probe, Seen, request_bytes
from stackctl.verify.throwaway import Run, created

if TYPE_CHECKING:
    from docker import DockerClient

SILENT = 1.6
"""Seconds, well past the second to which the copy's timeouts are cut."""

_TEMPLATES = ("/usr/local/etc/haproxy/haproxy.cfg.template", "/usr/local/etc/haproxy/haproxy.cfg")
# `http-request` and `connect` are about other silences; zero means none, and stays.
_TIMEOUT = re.compile(r"(timeout\s+(?:client|server|tunnel)\s+)[1-9]\w*")


def events_probe() -> Probe:
    return Probe("e0", "GET /events", request_bytes("GET", f"/events?pause={SILENT}", "e0"), passes=True)


def shortened(run: Run, spoke: Spoke, policy: Enforced, container: Container) -> Breach:
    """The proxy's own configuration with its times of silence cut to a second.

    Raises:
        NotAsked: The configuration is not where images of this kind keep it.
    """
    if isinstance(policy, Strict):
        text = config(
            policy.operations,
            listen=listen(spoke),
            socket=engine_socket(spoke),
            timeouts=Timeouts(1, 1, 1),
        )
        return Breach(files={f"{CONFIG_DIR}/{CONFIG_FILE}": text})
    # Of a container of the same image that never runs: a look into the proxy would be an event of it.
    with created(run, {"Image": container.image_id, "Entrypoint": ["true"]}) as id:
        for path in _TEMPLATES:
            if (found := _file(run.probing.sdk, id, path)) and _TIMEOUT.search(found):
                return Breach(files={path: _TIMEOUT.sub(r"\g<1>1s", found)})
    raise NotAsked("its configuration is not where HAProxy's images keep it")


def verdict(seen: Seen | None) -> tuple[Outcome, str]:
    if seen is None or seen.statuses != (200,):
        return Outcome.UNREACHABLE, "cannot tell: the copy did not answer GET /events"
    if seen.body == "bye":
        return Outcome.PASSED, f"still open after {SILENT} s of silence, with timeouts of 1 s"
    return Outcome.FAILED, "cut by the proxy after a second of silence: clients miss what happens then"


def _file(sdk: DockerClient, container: str, path: str) -> str:
    from docker.errors import NotFound

    try:
        parts, _ = sdk.api.get_archive(container, path)
    except NotFound:
        return ""
    with tarfile.open(fileobj=io.BytesIO(b"".join(parts))) as archive:
        member = archive.extractfile(archive.getmembers()[0])
        return member.read().decode(errors="replace") if member else ""
