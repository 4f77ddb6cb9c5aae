"""Whether two documents of `docker compose config` say the same. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackctl.fingerprint import OWN_LABELS

_OPTIONS = frozenset("bind volume tmpfs deploy resources placement ipam labels options".split())
"""Maps of options, which mean nothing where they are empty."""
_ELEMENTS = ("networks", "volumes", "configs", "secrets")


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Service and key of each difference; the service is empty for the elements of the whole project."""
    mine, theirs = canonical(one), canonical(other)
    for key in sorted((mine.keys() | theirs.keys()) - {"services"}):
        if mine.get(key) != theirs.get(key):
            yield "", key
    services: tuple[Mapping[str, Any], Mapping[str, Any]] = (
        mine.get("services", {}),
        theirs.get("services", {}),
    )
    for name in sorted(services[0].keys() | services[1].keys()):
        left, right = services[0].get(name), services[1].get(name)
        if left is None or right is None:
            yield name, ""
            continue
        for key in sorted(left.keys() | right.keys()):
            if left.get(key) != right.get(key):
                yield name, key


def canonical(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without stackctl's own labels, and without options that are stated and empty."""
    found: dict[str, Any] = dict(_pruned(document))
    found["services"] = {name: _service(service) for name, service in (found.get("services") or {}).items()}
    for key in _ELEMENTS:
        if not found.get(key):
            found.pop(key, None)
    return found


def _service(service: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(service)
    labels = {n: v for n, v in (found.get("labels") or {}).items() if not n.startswith(OWN_LABELS)}
    found.pop("labels", None)
    if labels:
        found["labels"] = labels
    found["networks"] = {name: how or {} for name, how in (found.get("networks") or {}).items()}
    return {key: value for key, value in found.items() if value is not None and value != {}}


def _pruned(value: Any) -> Any:
    if isinstance(value, Mapping):
        inner = {key: _pruned(item) for key, item in value.items()}
        return {k: v for k, v in inner.items() if not (k in _OPTIONS and v in (None, {}, []))}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return value
