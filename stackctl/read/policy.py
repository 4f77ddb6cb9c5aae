"""The `policy` of a manifest; whether its names exist is for lint to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackctl.model import Mode, Policy
from stackctl.read.compose_keys import Malformed, Note, nearest

KEYS = ("consumers", "operations", "mode", "listen", "stream_timeout")


def read_policy(value: Any, note: Note) -> Policy | None:
    """The policy that the manifest states; unknown keys are noted.

    Raises:
        Malformed: A value has the wrong type.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Malformed(("policy",), "`policy` must be a map", "policy: {consumers: [traefik]}")
    for key in value:
        if key not in KEYS:
            note("SC102", ("policy", str(key)), f"unknown key `{key}`", nearest(str(key), KEYS))
    timeout = value.get("stream_timeout", Policy.stream_timeout)
    if not isinstance(timeout, int) or isinstance(timeout, bool):
        raise Malformed(("policy", "stream_timeout"), "`stream_timeout` must be a number of seconds")
    return Policy(
        _texts(value, "consumers"), _texts(value, "operations"), _mode(value), _text(value, "listen"), timeout
    )


def _texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    items = value.get(key) or ()
    if isinstance(items, str) or not isinstance(items, list | tuple):
        raise Malformed(("policy", key), f"`{key}` must be a list")
    for number, item in enumerate(items):
        if not isinstance(item, str):
            raise Malformed(("policy", key, str(number)), f"`{key}` must be a list of texts")
    return tuple(items)


def _text(value: Mapping[str, Any], key: str) -> str:
    text = value.get(key, "")
    if not isinstance(text, str):
        raise Malformed(("policy", key), f"`{key}` must be a text")
    return text


def _mode(value: Mapping[str, Any]) -> Mode:
    text = _text(value, "mode") or Mode.STRICT.value
    if text not in list(Mode):
        hint = nearest(text, list(Mode))
        raise Malformed(("policy", "mode"), f"`mode` must be one of {', '.join(Mode)}", hint)
    return Mode(text)
