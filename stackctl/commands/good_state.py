"""From what runs to a good state that is kept, and from a kept one back to what a run can apply."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stackctl import files, good, state
from stackctl.commands.opened import HostView, Opened, laid_over
from stackctl.endpoint import socket_group
from stackctl.errors import StackctlError
from stackctl.files import LOCAL_FILE
from stackctl.findings import InvalidFiles
from stackctl.fingerprint import LABEL
from stackctl.good import Good
from stackctl.lock import whoami
from stackctl.model import SECRETS_DIR, Observed
from stackctl.override import OVERRIDE_FILE, engine_sockets, lacks_start_interval
from stackctl.read.stack import read_stack
from stackctl.render import render
from stackctl.secrets import Held, Secret, named
from stackctl.secrets import read as read_secrets
from stackctl.yaml_text import Override

_LARGEST = 1 << 20


# ---- keeping


def keep(opened: Opened, view: HostView, observed: Observed, spokes: Collection[str]) -> int:
    """Keeps what runs of these spokes as the newest good state; of the others, what was good before.

    Raises:
        OSError: It cannot be written.
    """
    before = next(iter(good.all_good(opened.root)), None)
    known = {spoke.name for spoke in opened.stack.spokes}
    texts, images, fingerprints = dict(opened.texts), {}, {}
    if before is not None:
        elsewhere = [name for name in before.images if name in known and name not in spokes]
        images = {name: before.images[name] for name in elsewhere}
        fingerprints = {name: before.fingerprints[name] for name in elsewhere}
        texts = _mixed(texts, before, elsewhere)
    for name in sorted(set(spokes) & known):
        for container in observed.of_spoke(name):
            images[name] = container.image_id
            fingerprints[name] = container.labels.get(LABEL, "")
    local = opened.root / LOCAL_FILE
    if local.is_file():
        texts[LOCAL_FILE] = local.read_bytes()
    bundle = {path: opened.root / path for path in (*opened.bundle.files, OVERRIDE_FILE)}
    mounted, modes, partial = _mounted(opened)
    return good.keep(
        opened.root,
        good.Seen(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            by=whoami(),
            images=images,
            fingerprints=fingerprints,
            parts={
                "files": texts,
                "mounted": mounted,
                "bundle": {path: place.read_bytes() for path, place in bundle.items() if place.exists()},
            },
            modes={**modes, OVERRIDE_FILE: 0o600},
            partial=partial,
            variables=_variables(opened, view),
            secrets=_secret_files(opened.root),
        ),
        in_use={mount.source for container in observed.containers for mount in container.mounts},
    )


def _mixed(now: Mapping[str, bytes], before: Good, others: Collection[str]) -> dict[str, bytes]:
    """The files of now, but for these spokes those with which they were good; if that makes a stack."""
    with suppress(StackctlError):
        kept = before.part("files")
        mixed = {path: text for path, text in now.items() if _spoke_of(path) not in others}
        mixed |= {path: text for path, text in kept.items() if _spoke_of(path) in others}
        reading = read_stack({path: text for path, text in mixed.items() if path != LOCAL_FILE})
        if reading.stack is not None and not any(finding.blocks for finding in reading.findings):
            return mixed
    return dict(now)


def _spoke_of(path: str) -> str:
    folder, _, name = path.partition("/")
    return name.rpartition(".")[0] if folder == "spokes" else ""


def _mounted(opened: Opened) -> tuple[dict[str, bytes], dict[str, int], tuple[str, ...]]:
    """What spokes mount of the stack's folder, its permissions, and what of it is no plain small file."""
    found: dict[str, bytes] = {}
    modes: dict[str, int] = {}
    partial = []
    for path, content in opened.stack.files.items():
        found[path] = content
        try:
            there = (opened.root / path).lstat()
        except OSError:
            partial.append(path)
            continue
        modes[path] = stat.S_IMODE(there.st_mode)
        if not stat.S_ISREG(there.st_mode) or there.st_size > _LARGEST:
            partial.append(path)
    return found, modes, tuple(partial)


def _variables(opened: Opened, view: HostView) -> dict[str, str]:
    names = named(opened.bundle.compose)
    return {name: value for name, value in view.host.variables.items() if name in names}


def _secret_files(root: Path) -> dict[str, Secret]:
    found = {}
    for path in (root / SECRETS_DIR).glob("*/*"):
        with suppress(OSError, ValueError):
            found[path.name] = Secret(path.read_text())
    return found


# ---- going back to one


def reopened(
    kept: Good, now: Opened, view: HostView, observed: Observed, only: Collection[str] = ()
) -> tuple[Opened, HostView]:
    """The kept state as if its files were those of the stack; with `only`, just these spokes are of it.

    Images are the kept ones by their ids, where their names mean others today. What is not kept is as it is
    today: variables of older states, secrets in environments, and files outside the stack's folder.

    Raises:
        StackctlError: The kept files are damaged.
        InvalidFiles: They do not fit what is there today.
    """
    texts, mounted = kept.part("files"), kept.part("mounted")
    if only:
        spokes = {path: text for path, text in texts.items() if _spoke_of(path) in only}
        texts = {path: text for path, text in now.texts.items() if _spoke_of(path) not in only} | spokes
        mounted = {**now.stack.files, **mounted}
    reading = read_stack({path: text for path, text in texts.items() if path != LOCAL_FILE})
    if reading.stack is None or any(finding.blocks for finding in reading.findings):
        raise InvalidFiles(reading.findings)
    stack = replace(reading.stack, files=mounted)
    opened = Opened(now.root, stack, render(stack), (), texts)
    variables = view.host.variables
    host = view.host
    if not only:
        names = [spoke.name for spoke in stack.spokes]
        host, _ = files.read_host(kept.folder / "files", {}, names)
        variables = {**variables, **(kept.variables or {})}
        host = replace(host, socket=host.socket or view.host.socket, variables=variables)
    host = replace(
        host,
        socket_groups={p: socket_group(p) for p in engine_sockets(stack, host)},
        no_start_interval=lacks_start_interval(observed.engine_version),
    )
    then = laid_over(opened, host)
    moved = {
        name: id
        for name, id in kept.images.items()
        if (not only or name in only) and name in then.on_host.stanzas
        if id in observed.images.values()
        and observed.image_id(str(then.on_host.stanzas[name].get("image", ""))) != id
    }
    if moved:
        then = laid_over(opened, replace(host, images={**host.images, **moved}))
    return opened, _with_kept_mounts(kept, now, then, opened, only)


def expect_images(kept: Good, view: HostView, observed: Observed, spokes: Collection[str]) -> None:
    """The images that ran then are here, or their names can mean no others.

    Raises:
        StackctlError: One is gone, and another would run in its place.
    """
    for name in sorted(kept.images.keys() & set(spokes) & view.on_host.stanzas.keys()):
        reference = str(view.on_host.stanzas[name].get("image", ""))
        if kept.images[name] not in observed.images.values() and "@" not in reference:
            raise StackctlError(
                f"the image of {name} in the good state {kept.number} is not on the Engine any more, and "
                "another would run in its place",
                "see `stackctl history` for another state; `stackctl pin` keeps an image to be had again",
            )


def _with_kept_mounts(
    kept: Good, now: Opened, then: HostView, opened: Opened, only: Collection[str]
) -> HostView:
    """The same, where what a spoke mounts of the stack's folder has changed: it mounts the kept copy.

    The files of the stack's folder are their owner's, and nothing here may write over them.
    """
    mounted = {path for path in kept.part("mounted") if path not in kept.partial}
    today, _ = files.with_mounted(opened.stack, now.root)
    override, stanzas = dict(then.on_host.override), dict(then.on_host.stanzas)
    for spoke in opened.stack.spokes:
        volumes: list[Any] = []
        for mount in stanzas[spoke.name].get("volumes") or ():
            relative = os.path.relpath(str(mount.get("source") or "/"), now.root)
            inside = [p for p in opened.stack.files if p == relative or p.startswith(f"{relative}/")]
            own = mount.get("type") == "bind" and mount.get("read_only") and not relative.startswith("..")
            changed = any(today.files.get(path) != opened.stack.files[path] for path in inside)
            if own and changed and mounted.issuperset(inside) and (not only or spoke.name in only):
                mount = {**mount, "source": str(kept.folder / "mounted" / relative)}
            volumes.append(mount)
        if volumes and volumes != list(stanzas[spoke.name].get("volumes") or ()):
            stanzas[spoke.name] = {**stanzas[spoke.name], "volumes": volumes}
            override[spoke.name] = {**override.get(spoke.name, {}), "volumes": Override(volumes)}
    for name in kept.images:
        # Its image is here, by its id: there is nothing to build, and what it was built from has changed.
        if name in stanzas and "build" in stanzas[name]:
            stanzas[name] = {key: value for key, value in stanzas[name].items() if key != "build"}
    return replace(then, on_host=replace(then.on_host, override=override, stanzas=stanzas))


def with_kept_secrets(kept: Good, opened: Opened, view: HostView, spokes: Collection[str]) -> HostView:
    """The view with the secrets of these spokes: the kept ones, and for what is not kept those of today.

    Raises:
        StackctlError: A source fails; the error names the secret.
    """
    there = {name: secret for name, secret in kept.secrets.items() if name in opened.stack.secret_sources}
    sources = {n: source for n, source in opened.stack.secret_sources.items() if n not in there}
    fresh = read_secrets(
        replace(opened.stack, secret_sources=sources), spokes, opened.root, view.host.variables
    )
    used = {name for spoke in opened.stack.spokes if spoke.name in spokes for name in spoke.secrets}
    held = Held({**fresh.values, **{n: s for n, s in there.items() if n in used}})
    if not held.values:
        return view
    macs = {**view.macs, **held.macs(state.host_key(opened.root))}
    return replace(view, secrets=held, macs=macs, redact=(*view.redact, *held.spellings()))


def by_hand(kept: Good, opened: Opened, spokes: Collection[str]) -> str:
    """The command that runs a kept state again, for whoever must do without stackctl."""
    bundle = os.path.relpath(kept.folder / "bundle", opened.root)
    words = ["docker", "compose", "--project-directory", "."]
    for file in ("docker-compose.yml", OVERRIDE_FILE):
        if (kept.folder / "bundle" / file).exists():
            words += ["-f", f"{bundle}/{file}"]
    return shlex.join([*words, "up", "-d", "--no-deps", *sorted(spokes)])
