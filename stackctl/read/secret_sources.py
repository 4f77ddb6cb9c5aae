"""`secret_sources` of stack.yaml -> where the value of each secret comes from."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection
from typing import Any

from stackctl.model import SECRET_NAME, Path, SecretSource, secret_variable
from stackctl.read.compose_keys import nearest

Note = Callable[..., None]

_KINDS = ("command", "env", "file")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def read_secret_sources(value: Any, of_compose: Collection[str], note: Note) -> dict[str, SecretSource]:
    """The sources that can be used; `of_compose` are the names under Compose's own `secrets`."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        note("SC103", ("secret_sources",), "`secret_sources` must be a map from names")
        return {}
    found: dict[str, SecretSource] = {}
    carried: dict[str, str] = {}
    for name, how in value.items():
        path: Path = ("secret_sources", name)
        other = carried.setdefault(secret_variable(name), name)
        if not SECRET_NAME.match(name):
            note("SC110", path, f"`{name}` is not a name for a secret", "use letters, digits, - and _")
        elif other != name:
            note("SC104", path, f"`{name}` and `{other}` differ too little", "give one of them another name")
        elif name in of_compose:
            note("SC104", path, f"`{name}` also stands under `secrets`", "keep one of them")
        elif source := _source(how, path, note):
            found[name] = source
    return found


def _source(how: Any, path: Path, note: Note) -> SecretSource | None:
    if not isinstance(how, dict) or len(how) != 1:
        note("SC103", path, f"`{path[-1]}` needs one of {', '.join(_KINDS)}", "as `{env: DB_PASSWORD}`")
        return None
    (kind, said), *_ = how.items()
    here = (*path, kind)
    if kind not in _KINDS:
        note("SC102", here, f"unknown key `{kind}`", nearest(kind, _KINDS) or f"one of {', '.join(_KINDS)}")
    elif kind == "command":
        return _command(said, here, note)
    elif not isinstance(said, str) or not said.strip():
        note("SC103", here, f"`{kind}` must be a text")
    elif kind == "env":
        if _VARIABLE.match(said):
            return SecretSource(env=said)
        # Not quoted: a person may have written the value itself here.
        note("SC103", here, "`env` must be the name of a variable, not its value")
    else:
        return SecretSource(file=said)
    return None


def _command(said: Any, here: Path, note: Note) -> SecretSource | None:
    """One text is split into words as a shell would; no shell ever runs unless it is the program."""
    try:
        words = shlex.split(said) if isinstance(said, str) else said
    except ValueError as error:
        note("SC103", here, f"`command` cannot be split into words: {error}")
        return None
    if not isinstance(words, list) or not words or not all(isinstance(w, str) and w for w in words):
        note("SC103", here, "`command` must be a list of texts", "as `[pass, show, db]`")
        return None
    return SecretSource(command=tuple(words))
