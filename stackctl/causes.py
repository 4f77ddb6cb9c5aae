"""Why a container is not what is wanted: each cause with its field, and who moved it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stackctl import fingerprint, normal
from stackctl.compare import Difference, unlabelled
from stackctl.fingerprint import CONTENT, changed
from stackctl.model import NOTHING, Cause, Container, Path, Spoke, Stanza, Wanted, Who
from stackctl.override import MACHINE_VARIABLES
from stackctl.read.variables import InvalidVariable
from stackctl.read.variables import names as variables_in
from stackctl.switches import DIALECTS

_SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|PRIVATE|DSN|_URL$|_URI$", re.IGNORECASE)
_SWITCHES = frozenset(switch for dialect in DIALECTS for switch in dialect.switches)
LABELS_PENDING = "labels pending"
ROUTE_CHANGED = f"input {fingerprint.ROUTE}"
_LIMITS = ("mem_limit", "cpus", "pids_limit")


def causes(
    spoke: Spoke,
    want: Wanted,
    declared: Stanza,
    container: Container,
    found: tuple[Difference, ...],
    images: Mapping[str, str],
) -> Iterator[Cause]:
    """Why a container cannot stay; `found` are its differences, `declared` its service as rendered."""
    should, has = want.stanza.get("labels") or NOTHING, container.labels
    same = fingerprint.same(has, should)
    # What was rendered by another version of stackctl differs in fields that nobody here changed.
    rendered = _moved(has, should, "stackctl.rendered")
    who = Who.YOU if not same else Who.STACKCTL if rendered else Who.HOST
    image = tuple(image_causes(spoke, want, container, Who.YOU if not same else Who.HOST, images))
    yield from image
    fields = [_field_cause(spoke, declared, difference, who) for difference in found]
    yield from fields
    other, secrets = changed(has.get("stackctl.applied", ""), want.applied)
    if not same:
        # Where fields say what moved in the stanza, its hash would only say so again, with no place.
        inputs = tuple(
            c for c in _input_causes(spoke, has, should) if not fields or c.field != "input stanza"
        )
        yield from inputs
        if not (fields or inputs or image):
            # What ran before its stack was adopted is left alone; the next real change brings the labels.
            pending = Cause(Who.STACKCTL, LABELS_PENDING) if unlabelled(container) else None
            yield pending or _own(spoke, has, should, "stackctl.fingerprint", Who.YOU)
    elif rendered:
        if not fields:
            yield _own(spoke, has, should, "stackctl.rendered", Who.STACKCTL)
    else:
        if not (fields or image) and other:
            yield Cause(Who.HOST, "variables changed")
        yield from (Cause(Who.HOST, f"content of {path} changed") for path in want.altered)
    for name in secrets:
        is_file = name.startswith(CONTENT)
        what = f"content of {name.removeprefix(CONTENT)}" if is_file else f"secret {name}"
        yield Cause(Who.HOST, f"{what} changed")
    if container.state in ("paused", "dead"):
        yield Cause(Who.HOST, "state", container.state, "running")


def image_causes(
    spoke: Spoke, want: Wanted, container: Container, who: Who, images: Mapping[str, str] = NOTHING
) -> Iterator[Cause]:
    """`images` are the Engine's references; without them, nobody is blamed for an image that moved."""
    reference = str(want.stanza.get("image") or container.image)
    if reference != container.image:
        at = spoke.at("image") if who is Who.YOU else None
        yield Cause(who, "image", container.image, reference, at)
    elif want.image_id and want.image_id != container.image_id:
        # What came from a registry bears its repository's digest; what was tagged or built here does not.
        repository = re.sub(r"(:[^/:]*)?(@.*)?\Z", "", reference).removeprefix("docker.io/")
        pulled = any(
            image == want.image_id and name.partition("@")[0] == repository and "@" in name
            for name, image in images.items()
        )
        moved = Who.IMAGE if pulled or not images or spoke.service.get("build") else Who.HOST
        yield Cause(moved, "image", _short(container.image_id), _short(want.image_id))


def _field_cause(spoke: Spoke, declared: Stanza, difference: Difference, who: Who) -> Cause:
    old, new = difference.old, difference.new
    if _is_private(declared, difference):
        old, new = ("(changed)" if value else "" for value in (old, new))
    at = spoke.at(*_stated_at(spoke, difference)) if who is Who.YOU else None
    return Cause(who, difference.field, old, new, at)


def _stated_at(spoke: Spoke, difference: Difference) -> Path:
    """Where the field stands in the spoke; that of a label which a route makes, at the route."""
    group, _, label = difference.field.partition(".")
    if group != "labels" or not spoke.routes or label in normal.pairs(spoke.service.get("labels")):
        return difference.path
    key = {"port": "port", "rule": "host"}.get(label.rpartition(".")[2], "")
    return ("route", "0", key) if key and len(spoke.routes) == 1 else ("route",)


def _is_private(declared: Stanza, difference: Difference) -> bool:
    """Whether a value comes from a variable of this host, or bears a name that secrets have."""
    group, _, name = difference.field.partition(".")
    stated = declared.get(group)
    if group in _LIMITS:
        stated = (stated, declared.get("deploy"))
    elif isinstance(stated, Mapping) and name in stated:
        stated = stated[name]
    elif group in ("volumes", "ports"):
        # Whatever else stands in the list is another field.
        target = name.rstrip("/") if group == "volumes" else name.partition("/")[0]
        stated = [entry for entry in stated or () if str(entry["target"]).rstrip("/") == target]
    if _holds_variable(stated):
        return True
    if group != "environment" or not _SECRET_NAME.search(name):
        return False
    is_switch = name in _SWITCHES and max(len(difference.old), len(difference.new)) <= len("false")
    return not is_switch


def _holds_variable(value: Any) -> bool:
    if isinstance(value, str):
        try:
            return bool(variables_in(value) - MACHINE_VARIABLES)
        except InvalidVariable:
            return False
    if isinstance(value, Mapping):
        return any(map(_holds_variable, value.values()))
    return isinstance(value, list | tuple) and any(map(_holds_variable, value))


def _input_causes(spoke: Spoke, has: Mapping[str, str], should: Mapping[str, str]) -> Iterator[Cause]:
    """The inputs of the fingerprint that moved, where the container says which it was made of."""
    old, new = fingerprint.inputs(has), fingerprint.inputs(should)
    if not old:
        return
    for name in sorted(old.keys() | new.keys()):
        was, now = (digests.get(name, "") for digests in (old, new))
        # Labels of an earlier version have fewer digits.
        count = min(len(was), len(now)) or None
        if was[:count] != now[:count]:
            yield Cause(Who.YOU, f"input {name}", was[:12], now[:12], spoke.at(name))


def _moved(has: Mapping[str, str], should: Mapping[str, str], label: str) -> bool:
    return bool(has.get(label)) and bool(should.get(label)) and has[label] != should[label]


def _own(spoke: Spoke, has: Mapping[str, str], should: Mapping[str, str], label: str, who: Who) -> Cause:
    at = spoke.at() if who is Who.YOU else None
    return Cause(who, label, has.get(label, "")[:12], str(should.get(label, ""))[:12], at)


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]
