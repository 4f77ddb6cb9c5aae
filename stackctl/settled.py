"""A command that found nothing to do finds nothing again, while neither files nor Engine nor stackctl moved.

What the answer rests on is kept as one digest in `.stackctl/cache/`, for each command line. To see whether it
still holds costs a look at the files and at the Engine; it saves reading, rendering and comparing. Where
anything is in doubt, the command runs in full: what is kept here is never needed, and never trusted. This
imports little, as it runs before everything else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stackctl.program import program
from stackctl.throwaway_labels import is_throw_away

STATE_DIR = ".stackctl"
COMMANDS = ("plan", "up")
_FILE = os.path.join(STATE_DIR, "cache", "settled.json")
_OWN_FILES = (
    "stack.yaml",
    "stack.local.yaml",
    ".env",
    ".env.example",
    "docker-compose.yml",
    "docker-compose.override.yml",
)
_OWN_TREES = ("spokes", "templates", "rendered")
_MOST = 16
_NO_STATE = frozenset(("lock", "cache"))
_NO_MATTER = frozenset(("_", "SHLVL", "OLDPWD", "COLUMNS", "LINES"))
"""Variables that change with each command or window, and that no manifest asks for, as some do for `PWD`."""

TREE, FILE, THERE = "tree", "file", "there"
Paths = Iterable[tuple[str, str]]
"""How much of a path matters: all that lies in it, its content, or what it is."""


def again(line: tuple[str, ...]) -> int | None:
    """Tells what this command line told the last time, where that still holds; None where it must run."""
    if not line or line[0] not in COMMANDS or None in (sys.stdout, sys.stderr):
        return None
    try:
        root = _root()
        kept = _kept(root).get(_key(line))
        # While somebody changes the stack, whoever changes it too has to wait or to be refused.
        if kept is None or (line[0] == "up" and os.path.getsize(os.path.join(root, STATE_DIR, "lock"))):
            return None
        if kept["until"] is not None and time.time() >= kept["until"]:
            return None
        from stackctl.engine import Engine

        with Engine.connect(os.environ) as engine:
            if digest(root, kept["paths"], os.environ, state(engine, kept["of"])) != kept["digest"]:
                return None
    except Exception:
        # Whatever is wrong, the command itself has the words for it.
        return None
    try:
        _say(kept["words"])
    except BrokenPipeError:
        # The reader of our output left, as `| head` does. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def remember(
    root: str,
    line: tuple[str, ...],
    of: Mapping[str, Any],
    paths: Paths,
    seen: Any,
    words: list[tuple[str, str, str]],
    began: float,
    until: float | None = None,
) -> None:
    """Keeps that nothing was to do; `seen` is the Engine as `state` tells of it to who asks with `of`.

    Not where a file changed since the start, `began`: it may have been read before; and not where one cannot
    be read. `words` are stream, text and style. `until`, in seconds since 1970, is when there will be
    something to do although nothing moves.
    """
    paths = [list(path) for path in paths]  # type: ignore[misc]
    try:
        latest = max((when for *_, when in _files(root, paths)), default=0.0)
        if latest > began - 0.1:
            return
        found = digest(root, paths, os.environ, seen)
    except OSError:
        return
    kept = {"of": of, "paths": paths, "digest": found, "words": words, "until": until}
    others = {key: one for key, one in _kept(root).items() if key != _key(line)}
    document = dict([*others.items(), (_key(line), kept)][-_MOST:])
    path = os.path.join(root, _FILE)
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        temporary = f"{path}.{os.getpid()}"
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"program": program(), "kept": document}, file)
        os.replace(temporary, path)
    except OSError:
        return


def _kept(root: str) -> dict[str, Any]:
    path = os.path.join(root, _FILE)
    try:
        with open(path) as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return {}
            document = json.load(file)
        return dict(document["kept"]) if document["program"] == program() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _key(line: tuple[str, ...]) -> str:
    return json.dumps(line)


def _root() -> str:
    here = os.getcwd()
    while not os.path.isfile(os.path.join(here, "stack.yaml")):
        if here == (here := os.path.dirname(here)):
            raise FileNotFoundError(here)
    return os.path.realpath(here)


def warnings(count: int) -> str:
    """The last line of a command that read files with `count` warnings in them."""
    return f"{count} warning{'' if count == 1 else 's'}: see `stackctl lint`"


def _say(words: Iterable[tuple[str, str, str]]) -> None:
    for stream, text, style in words:
        out = sys.stdout if stream == "out" else sys.stderr
        dim = style == "dim" and out.isatty() and not os.environ.get("NO_COLOR")
        print(f"\033[2m{text}\033[0m" if dim else text, file=out, flush=True)


# ---- what an answer rests on


def digest(root: str, paths: Paths, environ: Mapping[str, str], seen: Any) -> str:
    """One digest, keyed with this host's key: variables and files may be secret."""
    with open(os.path.join(root, STATE_DIR, "host.key"), "rb") as file:
        mac = hmac.new(file.read(), digestmod=hashlib.sha256)
    variables = {name: value for name, value in environ.items() if name not in _NO_MATTER}
    whole = [root, os.geteuid(), os.getegid(), variables, seen]
    mac.update(json.dumps(whole, sort_keys=True).encode())
    for name, what, _ in _files(root, paths):
        mac.update(f"{name}\0{len(what)}\0".encode(errors="surrogateescape"))
        mac.update(what)
    return mac.hexdigest()


def _files(root: str, paths: Paths) -> Iterator[tuple[str, bytes, float]]:
    """Each path with what matters of it, and when it was changed last."""
    for name in _OWN_FILES:
        yield from _of_path(os.path.join(root, name), FILE)
    for name in _OWN_TREES:
        yield from _of_path(os.path.join(root, name), TREE)
    for name in sorted(os.listdir(os.path.join(root, STATE_DIR))):
        path = os.path.join(root, STATE_DIR, name)
        if name not in _NO_STATE:
            yield from _of_path(path, THERE if os.path.isdir(path) else FILE)
    for path, how in paths:
        yield from _of_path(path, how)


def _of_path(path: str, how: str) -> Iterator[tuple[str, bytes, float]]:
    try:
        seen = os.stat(path)
    except OSError:
        yield path, b"is not there", 0.0
        return
    kind = stat.S_IFMT(seen.st_mode)
    if how == THERE:
        yield path, f"{kind} {seen.st_gid} {seen.st_mode}".encode(), 0.0
    elif kind == stat.S_IFREG:
        with open(path, "rb") as file:
            yield path, f"{seen.st_mode} ".encode() + hashlib.sha256(file.read()).digest(), seen.st_ctime
    elif kind == stat.S_IFDIR and how == TREE:
        yield path, b"folder", seen.st_ctime
        for name in sorted(os.listdir(path)):
            inner = os.path.join(path, name)
            if os.path.islink(inner):
                yield inner, f"link to {os.readlink(inner)}".encode(), os.lstat(inner).st_ctime
            elif name not in (".git", STATE_DIR):
                yield from _of_path(inner, TREE)
    else:
        yield path, f"{kind}".encode(), 0.0


# ---- the Engine


def state(engine: Any, of: Mapping[str, Any]) -> Any:
    """What a plan looks at, from the Engine itself; `commands/settle.py` tells the same from `Observed`.

    `of` has the `project`, and by their names on the Engine its `networks`, `volumes` and `images`.
    """
    listed = engine.get("/containers/json", all=True)
    networks = engine.get("/networks")
    images = engine.get("/images/json")
    volumes = engine.get("/volumes").get("Volumes") or ()
    project = of["project"]
    ours = [c for c in listed if _belongs(c.get("Labels") or {}, project)]
    inspected = [engine.get(f"/containers/{c['Id']}/json") for c in ours]
    others = [
        ((c.get("Names") or ["/"])[0].removeprefix("/"), *sorted(_networks(c)), is_throw_away(labels))
        for c in listed
        if not _belongs(labels := c.get("Labels") or {}, project)
    ]
    names = [
        (name, image["Id"])
        for image in images
        for name in (*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ()), image["Id"])
    ]
    return as_data(of, engine.endpoint.url, engine.version, inspected, others, networks, names, volumes)


def _networks(described: Mapping[str, Any]) -> Iterable[str]:
    return (described.get("NetworkSettings") or {}).get("Networks") or {}


def _belongs(labels: Mapping[str, str], project: str) -> bool:
    # What `docker compose run` made carries a service's labels without being that service.
    own = labels.get("com.docker.compose.project") == project
    return own and labels.get("com.docker.compose.oneoff") != "True"


_OF_CONTAINER = ("RestartCount", "Id", "Image", "Name", "Created", "Config", "HostConfig", "Mounts")
_OF_STATE = ("Status", "ExitCode", "Restarting", "OOMKilled")
_OF_NETWORK = ("Id", "Name", "Driver", "Internal", "Attachable", "EnableIPv6", "IPAM", "Options", "Labels")
_OF_VOLUME = ("Name", "Driver", "Options", "Labels")
_OF_ATTACHMENT = ("Aliases", "DNSNames", "IPAMConfig")


def as_data(
    of: Mapping[str, Any],
    url: str,
    version: str,
    inspected: Iterable[Mapping[str, Any]],
    others: Iterable[Any],
    networks: Iterable[Mapping[str, Any]],
    images: Iterable[tuple[str, str]],
    volumes: Iterable[Mapping[str, Any]],
) -> Any:
    """In one order, without what is not of this stack, and without what changes while nothing happens."""
    own, names = {*of["networks"]}, {*of["images"]}
    return [
        url,
        version,
        sorted((_container(one) for one in inspected), key=lambda one: str(one["Id"])),
        sorted((one for one in others if own & {*one[1:-1]}), key=str),
        sorted((_part(n, _OF_NETWORK) for n in networks if n["Name"] in own), key=lambda one: str(one["Id"])),
        sorted({image for image in images if image[0] in names}),
        sorted((_part(v, _OF_VOLUME) for v in volumes if v["Name"] in of["volumes"]), key=str),
    ]


def _container(one: Mapping[str, Any]) -> dict[str, Any]:
    """Without times, addresses and the log of its health."""
    attached = (one.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        **_part(one, _OF_CONTAINER),
        # The Engine lists them in any order.
        "Mounts": sorted(one.get("Mounts") or (), key=str),
        "State": {**_part(one["State"], _OF_STATE), "Health": _health(one["State"])},
        "Networks": {name: _part(how, _OF_ATTACHMENT) for name, how in attached.items()},
    }


def _health(state: Mapping[str, Any]) -> str:
    return str((state.get("Health") or {}).get("Status") or "")


def _part(of: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    return {key: of.get(key) for key in keys}
