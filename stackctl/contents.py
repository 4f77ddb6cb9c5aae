"""The content of files that a container is made with, and that no declared fingerprint counts.

Variables from an `env_file`, the files behind `secrets` and `configs`, and single files outside the stack's
folder that a spoke mounts read-only. What a spoke may write into is data, so a change of it means nothing.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stackctl import files
from stackctl.fingerprint import CONTENT, secret_mac
from stackctl.model import Spoke, Stack, Stanza
from stackctl.read.variables import interpolate_data, parse_env

_NOT_FILES = ("/proc/", "/sys/", "/dev/")


@dataclass(frozen=True)
class Contents:
    """What was read on this host; it may be secret, so only `macs` leaves it."""

    found: Mapping[str, Mapping[str, tuple[bytes, ...]]] = field(default_factory=dict, repr=False)
    """Spoke -> key of its service -> the contents, in their order."""
    unread: tuple[tuple[str, str], ...] = ()
    """Spoke and path of each file that could not be read."""

    def macs(self, spoke: str, key: bytes) -> dict[str, str]:
        """For the applied fingerprint; a key of which a file could not be read says nothing."""
        return {
            CONTENT + name: secret_mac(CONTENT + name, json.dumps([c.hex() for c in contents]), key)
            for name, contents in self.found.get(spoke, {}).items()
        }


def read(stack: Stack, stanzas: Mapping[str, Stanza], root: Path, variables: Mapping[str, str]) -> Contents:
    """`stanzas` are the services as this host runs them. What is not there is another finding."""
    found: dict[str, dict[str, tuple[bytes, ...]]] = {}
    unread: list[tuple[str, str]] = []
    for spoke in stack.spokes:
        read: dict[str, list[bytes]] = {}
        wrong: set[str] = set()
        for key, stated in paths(stack, spoke, stanzas[spoke.name], root, variables):
            path = root / Path(stated).expanduser()
            try:
                if path.is_file():
                    read.setdefault(key, []).append(_content(key, path, variables))
            except OSError:
                wrong.add(key)
                unread.append((spoke.name, stated))
        found[spoke.name] = {key: tuple(contents) for key, contents in read.items() if key not in wrong}
    return Contents(found, tuple(unread))


def _content(key: str, path: Path, variables: Mapping[str, str]) -> bytes:
    content = files.content_of(path)
    if key != "env_file":
        return content
    values, wrong = parse_env(content.decode(errors="replace"), variables)
    return content if wrong else json.dumps(values, sort_keys=True).encode()


def paths(
    stack: Stack, spoke: Spoke, stanza: Stanza, root: Path, variables: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The key and the path of each file whose content counts."""

    def known(stated: object) -> str:
        path, undefined = interpolate_data(str(stated or ""), variables)
        return "" if undefined else str(path)

    for entry in stanza.get("env_file", ()):
        if path := known(entry["path"]):
            yield "env_file", path
    for key in ("configs", "secrets"):
        elements = stack.top_level.get(key, {})
        for grant in stanza.get(key, ()):
            if path := known((elements.get(grant["source"]) or {}).get("file")):
                yield key, path
    for mount in stanza.get("volumes", ()):
        path = str(mount.get("source") or "")
        if mount.get("type") != "bind" or not mount.get("read_only") or path.startswith(_NOT_FILES):
            continue
        inside = os.path.commonpath((str(root), path)) == str(root) if path.startswith("/") else True
        if not inside and _is_plain_file(path):
            yield "volumes", path


def _is_plain_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False
    except OSError:
        return True
