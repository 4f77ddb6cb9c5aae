"""`stackctl fingerprint`: what each spoke declares, as one hash with its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stackctl.commands.opened import look_at_host, named, open_stack
from stackctl.commands.plan import image_id
from stackctl.commands.render import known_applied
from stackctl.commands.story import Ended, FingerprintAnswer, SpokeFingerprint, Story
from stackctl.engine import Engine
from stackctl.errors import Exit
from stackctl.fingerprint import APPLIED_LABEL, LABEL, SCHEME, recorded
from stackctl.observe import observe
from stackctl.read.yaml_nodes import plain
from stackctl.render import COMPOSE_FILE


def fingerprint(
    root: Path, spokes: tuple[str, ...], *, check: bool, applied: bool, environ: Mapping[str, str]
) -> Story:
    opened = open_stack(root)
    chosen = named(opened.stack, spokes) or tuple(s.name for s in opened.stack.spokes)
    committed = _committed(root)
    labels: Mapping[str, str] = {}
    running: dict[str, str] = {}
    if applied:
        view = look_at_host(opened, environ)
        yield from view.unread()
        observed = observe(Engine.connect(environ), opened.stack.name)
        labels = known_applied(opened, view, {name: image_id(observed, view, name) for name in chosen})
        running = {c.spoke: c.labels.get(APPLIED_LABEL, "") for c in observed.containers}
    rows = tuple(
        SpokeFingerprint(
            name,
            opened.bundle.fingerprints[name],
            committed.get(name, ""),
            opened.stack.spoke(name).recorded.fingerprint,
            labels.get(name, ""),
            running.get(name, ""),
        )
        for name in chosen
    )
    pending = tuple(sentence for row in rows for sentence in differences(row))
    yield from ()
    answer = FingerprintAnswer(rows, pending, checked=check and not applied)
    return Ended(answer, Exit.PENDING if check and pending else Exit.DONE)


def differences(row: SpokeFingerprint) -> tuple[str, ...]:
    """Where the declared fingerprint is not the one that the committed file or the page states."""
    found = []
    if row.committed != f"{SCHEME}.{row.declared.digest}":
        was = row.committed.removeprefix(f"{SCHEME}.")[:12] or "none"
        found.append(f"{row.spoke}: {COMPOSE_FILE} carries {was}, the files declare {row.declared.short}")
    if row.recorded and not recorded(row.recorded, row.declared.digest):
        found.append(
            f"{row.spoke}: its page records {row.recorded[:12]}, the files declare {row.declared.short}"
        )
    return tuple(found)


def _committed(root: Path) -> dict[str, str]:
    try:
        document = plain((root / COMPOSE_FILE).read_text())
    except FileNotFoundError:
        return {}
    services = document.get("services") or {} if isinstance(document, Mapping) else {}
    return {
        name: str((stanza.get("labels") or {}).get(LABEL, ""))
        for name, stanza in services.items()
        if isinstance(stanza, Mapping)
    }
