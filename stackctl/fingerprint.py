"""Canonical data to sha256: what a spoke declares, and what was given to a host for it.

The scheme is versioned: a change of what is hashed, or how, raises SCHEME, so that an old label is never
mistaken for a changed spoke.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from stackctl.model import NOTHING, Fingerprint, Stanza

SCHEME = 1

OWN_LABELS = "stackctl."
"""Begins every label that stackctl itself writes; no spoke may state one."""
LABEL = "stackctl.fingerprint"
INPUTS_LABEL = "stackctl.inputs"
RENDERED_LABEL = "stackctl.rendered"
APPLIED_LABEL = "stackctl.applied"
SPOKE_LABEL = "stackctl.spoke"

CONTENT = "@"
"""Begins what ends an applied label for the files behind a key of the service; no secret is called so."""

ROUTE = "route"
"""The input that may be in a file of the edge, and not in the container."""
_EDGE_ROUTE = "edge-route"
"""How a container's label calls it then: what it was when the container was made."""
_DIGITS = 32
"""Of an input's hash that stand in the label: nobody finds two that begin alike, and `same` believes them."""

UNCOUNTED_KEYS = frozenset({"profiles", "depends_on", "scale"})
"""Keys of a stanza that change when and where a container starts, but not what it is."""

_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")


def sha256(data: Any) -> str:
    """Hex sha256 of JSON data in one canonical text: sorted keys, no spaces, UTF-8."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


_NO_ROUTE = sha256([])[:_DIGITS]


def digest_of(image: str) -> str:
    """The digest that an image reference is pinned to; empty where it is not."""
    match = _DIGEST.search(image)
    return match[1] if match else ""


def counted(stanza: Stanza) -> dict[str, Any]:
    """A stanza without what leaves the container as it is: profiles, order, replicas, own labels."""
    kept = {key: value for key, value in stanza.items() if key not in UNCOUNTED_KEYS}
    if labels := kept.get("labels"):
        kept["labels"] = {k: v for k, v in labels.items() if not k.startswith(OWN_LABELS)}
    if isinstance(deploy := kept.get("deploy"), Mapping):
        kept["deploy"] = {k: v for k, v in deploy.items() if k != "replicas"}
    return {key: value for key, value in kept.items() if value not in ({}, [])}


def declared(*, image: str, stanza: Stanza, config: Any, route: Any) -> Fingerprint:
    """The fingerprint of what a spoke declares; no host value and no secret enters it."""
    stanza = {key: value for key, value in counted(stanza).items() if key != "image"}
    inputs = {
        "image": sha256(digest_of(image) or f"unpinned {image}"),
        "stanza": sha256(stanza),
        "config": sha256(config),
        "route": sha256(route),
    }
    return Fingerprint(sha256({"scheme": SCHEME, "inputs": inputs}), inputs)


def recorded(text: str, digest: str) -> bool:
    """Whether a page's record means this digest: in full or by at least its first 12 digits."""
    given = text.removeprefix("sha256:").removeprefix(f"{SCHEME}.")
    return len(given) >= 12 and digest.startswith(given)


def labels(spoke: str, fingerprint: Fingerprint, rendered: str, *, with_route: bool) -> dict[str, str]:
    """The labels that bind a container to its spoke and to the files it was made from.

    `with_route` tells whether its route is in the container too, and not in a file of the edge.
    """
    told = {name: digest[:_DIGITS] for name, digest in fingerprint.inputs.items()}
    # What is routed nowhere is the same behind every edge, and Compose must find it so.
    if not with_route and told[ROUTE] != _NO_ROUTE:
        told[_EDGE_ROUTE] = told.pop(ROUTE)
    return {
        SPOKE_LABEL: spoke,
        LABEL: f"{SCHEME}.{fingerprint.digest}",
        INPUTS_LABEL: ",".join(f"{name}={digest}" for name, digest in sorted(told.items())),
        RENDERED_LABEL: rendered[:12],
    }


def inputs(labels: Mapping[str, str]) -> dict[str, str]:
    """By input of the fingerprint, the beginning of its hash as a container's labels tell it."""
    pairs = (part.rpartition("=") for part in str(labels.get(INPUTS_LABEL, "")).split(","))
    return {ROUTE if name == _EDGE_ROUTE else name: digest for name, _, digest in pairs if name}


def same(has: Mapping[str, str], should: Mapping[str, str]) -> bool:
    """Of two containers' labels: whether both were made from what is declared alike.

    Two fingerprints may then differ in nothing but the route, where the edge has it in a file. But what was
    made for such a file has no labels for an edge that reads them.
    """
    old, new = (str(labels.get(LABEL, "")) for labels in (has, should))
    made, wanted = inputs(has), inputs(should)
    bare, should_be_bare = (_without_route(labels) for labels in (has, should))
    if bare and not should_be_bare:
        return False
    if old == new:
        return True
    alike = {**made, ROUTE: ""} == {**wanted, ROUTE: ""}
    return bare and should_be_bare and alike and old.partition(".")[0] == new.partition(".")[0]


def _without_route(labels: Mapping[str, str]) -> bool:
    """Whether a container has no route in it: an edge has it in a file, or there is none."""
    told = str(labels.get(INPUTS_LABEL, ""))
    return f"{_EDGE_ROUTE}=" in told or inputs(labels).get(ROUTE) == _NO_ROUTE


def applied(
    fingerprint: Fingerprint,
    stanza: Stanza,
    image_id: str,
    key: bytes,
    secrets: Mapping[str, str] = NOTHING,
) -> str:
    """The applied fingerprint as its label: scheme, declared digest, key id, HMAC with this host's key.

    `stanza` is what Compose gives to the Engine on this host, so its values may be private; without the key
    the label says nothing about them. A label with another key id cannot be compared and means nothing.
    Where the spoke uses secrets or files (name -> `secret_mac`), they end the label one by one.
    """
    text = json.dumps([counted(stanza), image_id], sort_keys=True, separators=(",", ":"))
    mac = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    key_id = hashlib.sha256(b"stackctl key id" + key).hexdigest()
    macs = ",".join(f"{name}={secrets[name]}" for name in sorted(secrets))
    return ".".join((str(SCHEME), fingerprint.short, key_id[:8], mac[:32], *filter(None, (macs,))))


def secret_mac(name: str, value: str, key: bytes) -> str:
    """Tells whether a secret changed, to whoever has this host's key; its name enters, so that nobody
    sees which secrets are equal."""
    return hmac.new(key, f"secret {name}\0{value}".encode(), hashlib.sha256).hexdigest()[:16]


def changed(has: str, should: str) -> tuple[bool, tuple[str, ...]]:
    """Of two applied labels: whether anything but secrets and files differs, and which of those do.

    Labels that were made with another key or scheme cannot be compared, so they say nothing.
    """
    old, new = has.split("."), should.split(".")
    if min(len(old), len(new)) < 4 or (old[0], old[2]) != (new[0], new[2]):
        return False, ()
    was, now = _macs(old), _macs(new)
    return old[3] != new[3], tuple(name for name in sorted(was.keys() & now.keys()) if was[name] != now[name])


def _macs(label: Sequence[str]) -> dict[str, str]:
    pairs = (pair.partition("=") for part in label[4:5] for pair in part.split(","))
    return {name: mac for name, _, mac in pairs}
