"""Short syntax of volumes and ports -> long syntax."""

from __future__ import annotations

import re
from typing import Any

from stackctl.model import Path
from stackctl.read.compose_keys import Note, check_keys

_VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*\Z")
_PROPAGATION = ("shared", "slave", "private", "rshared", "rslave", "rprivate")
_IGNORED_MODES = ("rw", "cached", "delegated", "consistent")
_PORT = re.compile(
    r"(?:(?P<host_ip>\[[0-9a-fA-F:.]+\]|[0-9.]+|(?:\$\{[^}]*\}|\$\w+)):)?"
    r"(?:(?P<published>[^:\s]*|\$\{.*\}):)?"
    r"(?P<target>[0-9]+(?:-[0-9]+)?|\$\{[^{}]*\}|\$\w+)(?:/(?P<protocol>tcp|udp|sctp))?\Z"
)
_HIGHEST = 65535
_MOST_IN_RANGE = 1000


def split_outside_braces(text: str, separator: str) -> list[str]:
    """Split at a separator, but not inside `${…}`, whose defaults may hold one."""
    parts = [""]
    depth = 0
    for position, character in enumerate(text):
        if text.startswith("${", position):
            depth += 1
        elif character == "}" and depth:
            depth -= 1
        if character == separator and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def is_path(source: str) -> bool:
    """Whether the source of a mount is a path of the host, and not the name of a volume."""
    return source.startswith(("/", ".", "~", "$"))


Numbered = list[tuple[int, dict[str, Any]]]
"""Entries in long syntax, each with its number in the list as it is written."""


def volumes(value: Any, path: Path, note: Note, *, as_is: bool = False) -> Numbered | None:
    """The mounts in long syntax; `as_is`: folders that are missing are made, where Compose would."""
    if not isinstance(value, list):
        note("SC103", path, "`volumes` must be a list", "")
        return None
    found = []
    for number, item in enumerate(value):
        here = (*path, str(number))
        mount: dict[str, Any] | str
        if isinstance(item, str):
            mount = _short_volume(item, as_is)
        elif isinstance(item, dict):
            mount = _long_volume(item, here, note, as_is)
        else:
            mount = "a volume is SOURCE:TARGET, or a map"
        if isinstance(mount, str):
            note("SC103", here, mount, "write it as SOURCE:TARGET or SOURCE:TARGET:ro")
        else:
            found.append((number, mount))
    return found


def _short_volume(text: str, as_is: bool) -> dict[str, Any] | str:
    parts = split_outside_braces(text, ":")
    if re.search(r"[\s`\x00-\x1f]", text) or len(parts) > 3 or not all(parts):
        return f"`{text}` is not a volume"
    if len(parts) == 1:
        return {"type": "volume", "target": text} if text.startswith("/") else f"`{text}` is not a volume"
    source, target, *modes = parts
    if not target.startswith(("/", "$")):
        return f"`{target}` is not an absolute path in the container"
    bind = is_path(source)
    if not bind and not _VOLUME.match(source):
        return f"`{source}` is neither a path nor the name of a volume"
    mount: dict[str, Any] = {"type": "bind" if bind else "volume", "source": source, "target": target}
    options: dict[str, Any] = {"create_host_path": as_is} if bind else {}
    for mode in modes[0].split(",") if modes else ():
        if mode == "ro":
            mount["read_only"] = True
        elif bind and mode in ("z", "Z"):
            options["selinux"] = mode
        elif bind and mode in _PROPAGATION:
            options["propagation"] = mode
        elif not bind and mode == "nocopy":
            options["nocopy"] = True
        elif mode not in (*_IGNORED_MODES, "z", "Z"):
            return f"`{mode}` is not a mode of a volume"
    if options:
        mount["bind" if bind else "volume"] = options
    return mount


def _long_volume(item: dict[str, Any], path: Path, note: Note, as_is: bool) -> dict[str, Any] | str:
    mount = check_keys(item, "volumes.*", path, note)
    for key in ("bind", "volume", "tmpfs"):
        if isinstance(mount.get(key), dict):
            mount[key] = check_keys(mount[key], f"volumes.*.{key}", (*path, key), note)
        elif mount.get(key) is not None:
            return f"`{key}` must be a map"
    kind = mount.get("type")
    if kind not in ("bind", "volume", "tmpfs", "npipe", "cluster"):
        return "`type` must be bind, volume or tmpfs"
    if not isinstance(mount.get("target"), str):
        return "a mount needs a `target`"
    if kind == "bind" and not isinstance(mount.get("source"), str):
        return "a bind mount needs a `source`"
    if not isinstance(mount.get("source", ""), str):
        return "`source` must be a text"
    if kind == "bind" and not as_is:
        mount["bind"] = {"create_host_path": False, **(mount.get("bind") or {})}
    if not mount.get("read_only", True):
        del mount["read_only"]
    return mount


def ports(value: Any, path: Path, note: Note) -> Numbered | None:
    """The published ports of a service in long syntax, ranges spread out as Compose does."""
    if not isinstance(value, list):
        note("SC103", path, "`ports` must be a list", 'for example ["8080:80"]')
        return None
    found: Numbered = []
    for number, item in enumerate(value):
        here = (*path, str(number))
        if isinstance(item, dict):
            more = _long_port(item, here, note)
        elif isinstance(item, str | int) and not isinstance(item, bool):
            more = _short_port(str(item))
        else:
            more = "a port is [HOST:]CONTAINER, or a map"
        if isinstance(more, str):
            note("SC103", here, more, "write it as [ADDRESS:][PORT:]PORT[/udp]")
        else:
            known = [port for _, port in found]
            found += [(number, port) for port in more if port not in known]
    return found


def _short_port(text: str) -> list[dict[str, Any]] | str:
    match = _PORT.match(text)
    if match is None:
        return f"`{text}` is not a port"
    host_ip, published = match["host_ip"] or "", match["published"] or ""
    if host_ip and match["published"] is None:
        # One colon only: what looked like an address is the published port.
        host_ip, published = "", host_ip
    if match["target"].startswith("$"):
        # Known on each host alone; a range in a variable is not spread out, and Compose says so there.
        unknown = {"target": match["target"], "protocol": match["protocol"] or "tcp"}
        if published:
            unknown["published"] = published
        return [unknown | ({"host_ip": host_ip.strip("[]")} if host_ip else {})]
    if not published.startswith("$") and not re.match(r"([0-9]+(-[0-9]+)?)?\Z", published):
        return f"`{text}` is not a port"
    targets = _range(match["target"])
    outside = _range(published) if published and not published.startswith("$") else []
    if targets is None or outside is None:
        return f"`{text}` is not a port: ports go from 1 to {_HIGHEST}"
    if len(targets) > 1 and published and len(outside) != len(targets):
        return f"`{text}`: both ranges must be of the same length"
    found = []
    for number, target in enumerate(targets):
        port: dict[str, Any] = {"target": target, "protocol": match["protocol"] or "tcp"}
        if published:
            port["published"] = str(outside[number]) if len(targets) > 1 else published
        if host_ip:
            port["host_ip"] = host_ip.strip("[]")
        found.append(port)
    return found


def _range(text: str) -> list[int] | None:
    first, _, last = text.partition("-")
    if len(first) > 5 or len(last) > 5:
        return None
    low, high = int(first), int(last or first)
    if not 1 <= low <= high <= _HIGHEST or high - low >= _MOST_IN_RANGE:
        return None
    return list(range(low, high + 1))


def _long_port(item: dict[str, Any], path: Path, note: Note) -> list[dict[str, Any]] | str:
    port = check_keys(item, "ports.*", path, note)
    target = port.get("target")
    if isinstance(target, str) and target.isdecimal():
        target = int(target)
    number = isinstance(target, int) and not isinstance(target, bool) and 1 <= target <= _HIGHEST
    if not number and not str(target).startswith("$"):
        return "`target` must be a port of the container, as a number"
    port = {**port, "target": target, "protocol": port.get("protocol", "tcp")}
    if port.get("published") in (None, ""):
        port.pop("published", None)
    else:
        port["published"] = str(port["published"])
        if not re.match(r"([0-9]+(-[0-9]+)?\Z|\$)", port["published"]):
            return f"`{port['published']}` is not a port"
    if port["protocol"] not in ("tcp", "udp", "sctp"):
        return "`protocol` must be tcp, udp or sctp"
    if not isinstance(port.get("host_ip", ""), str):
        return "`host_ip` must be a text"
    return [port]
