"""The stack's folder on this host: what is read from it, and the only way to write into it."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from stackctl.codes import finding
from stackctl.errors import StackctlError, UsageError
from stackctl.findings import Finding, Location
from stackctl.model import Host, Port, Spoke, Stack, Stanza
from stackctl.read.compose_keys import nearest
from stackctl.read.mounts import ports
from stackctl.read.stack import STACK_FILE
from stackctl.read.text import read_text
from stackctl.read.variables import interpolate_data, parse_env
from stackctl.read.yaml_nodes import Document, load_yaml

STATE_DIR = ".stackctl"
LOCAL_FILE = "stack.local.yaml"
_SPOKE_SUFFIXES = (".md", ".yaml", ".yml")
_NOT_CONTENT = frozenset((".git", STATE_DIR))
_LARGEST = 1 << 20
_MOST_FILES = 10_000
_LOCAL_KEYS = ("images", "prober_image", "ports", "socket")


# ---- reading


def find_root(directory: Path | None = None) -> Path:
    """The stack's folder: `directory`, or else the nearest folder from here upwards with a stack.yaml."""
    if directory is not None:
        if not (directory / STACK_FILE).is_file():
            raise UsageError(f"{directory} has no {STACK_FILE}", "name the stack's folder after -C")
        return directory.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / STACK_FILE).is_file():
            return folder
    raise UsageError(
        f"no {STACK_FILE} in {here} or in a folder above it",
        "go to the stack's folder, or name it after -C",
    )


def load(directory: Path) -> dict[str, bytes]:
    """The files that describe the stack, by path relative to its folder."""
    chosen = [STACK_FILE, ".env.example"]
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory / "spokes") as entries:
        names = [entry.name for entry in entries if entry.is_file()]
        chosen += [f"spokes/{name}" for name in names if os.path.splitext(name)[1] in _SPOKE_SUFFIXES]
    chosen += [p.relative_to(directory).as_posix() for p in directory.glob("templates/**/*")]
    paths = ((name, directory / name) for name in sorted(chosen))
    return {name: _read(path) for name, path in paths if os.path.isfile(path)}


def decisions(directory: Path) -> dict[str, bytes]:
    """The architecture decisions beside the stack, by path relative to its folder; there may be none."""
    return {p.relative_to(directory).as_posix(): _read(p) for p in sorted(directory.glob("adr/*.md"))}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StackctlError(f"{path} cannot be read: {error.strerror}", "check its permissions") from error


def with_mounted(stack: Stack, directory: Path) -> tuple[Stack, tuple[Finding, ...]]:
    """The stack with the content of its own files that spokes mount or build from, and what is missing.

    A folder that a spoke may write into holds data, not configuration: it must exist, but is not read.
    """
    files: dict[str, bytes] = {}
    findings: list[Finding] = []
    for spoke in stack.spokes:
        for relative, place, content in own_paths(spoke):
            path = directory / relative
            if not path.exists():
                message = f"`{relative}` is missing"
                findings.append(finding("SC106", place, message, f"create {relative}", spoke.name))
            elif path.is_file() or content:
                files |= _content(directory, path)
    return replace(stack, files=dict(sorted(files.items()))), tuple(findings)


def own_paths(spoke: Spoke) -> Iterator[tuple[str, Location, bool]]:
    """Each path inside the stack's folder, its place, and whether all that lies in it is content."""
    for number, mount in enumerate(spoke.mounts):
        relative = _inside(mount.source) if mount.type == "bind" and mount.source[:1] == "." else None
        if relative is not None:
            yield relative, spoke.at("volumes", str(number)), mount.read_only
    if spoke.settings_dir:
        yield spoke.settings_dir, spoke.at("settings_dir"), True
    build = spoke.service.get("build", {})
    context = _inside(str(build.get("context", ""))) if build.get("context") else None
    if context is not None:
        yield context, spoke.at("build"), True


def _inside(source: str) -> str | None:
    """A path relative to the stack's folder; None where it leads out, or is not known before `up`."""
    if "$" in source or "://" in source or source.startswith(("/", "~", "git@")):
        return None
    relative = os.path.normpath(source)
    return None if relative.startswith("..") else PurePosixPath(relative).as_posix()


def _content(directory: Path, path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for file in _walk(path):
        if len(found) >= _MOST_FILES:
            raise StackctlError(
                f"{path} holds more than {_MOST_FILES} files",
                "mount or build from a smaller folder, or keep data outside of the stack's folder",
            )
        found[file.relative_to(directory).as_posix()] = _bounded(file)
    return found


def _walk(path: Path) -> Iterator[Path]:
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for entry in sorted(path.iterdir()):
        if entry.name not in _NOT_CONTENT:
            yield from _walk(entry)


def _bounded(path: Path) -> bytes:
    if path.is_symlink():
        return f"link to {os.readlink(path)}".encode()
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        return b""
    try:
        return content_of(path)
    except OSError as error:
        raise StackctlError(f"{path} cannot be read: {error.strerror}", "check its permissions") from error


def content_of(path: Path) -> bytes:
    """The content of a file; for a large one, its hash, which is enough to notice a change."""
    if path.stat().st_size <= _LARGEST:
        return path.read_bytes()
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}".encode()


# ---- this host


def missing_paths(spoke: Spoke, stanza: Stanza) -> tuple[Finding, ...]:
    """SC602 for each path of this host that the spoke would mount and that does not exist.

    `stanza` is the service as Compose will give it to the Engine, its paths absolute.
    """
    targets = [mount.target for mount in spoke.mounts]
    found = []
    for mount in stanza.get("volumes", ()):
        source = mount.get("source", "")
        creates = (mount.get("bind") or {}).get("create_host_path", False)
        if mount.get("type") != "bind" or creates or os.path.lexists(source):
            continue
        target = mount.get("target")
        if target not in targets:
            # Added by a template: what it names is written by `render`.
            continue
        at = spoke.at("volumes", str(targets.index(target)))
        hint = f"create it, or name another path for {spoke.name}"
        found.append(finding("SC602", at, f"`{source}` does not exist on this host", hint, spoke.name))
    return tuple(found)


def missing_inputs(
    stack: Stack, spoke: Spoke, stanza: Stanza, directory: Path, variables: Mapping[str, str]
) -> tuple[Finding, ...]:
    """SC602 for each file or folder that Compose reads for the spoke and that does not exist.

    Variables that are not defined are another finding; what stands there is not looked at.
    """
    found: list[Finding] = []
    gone: list[str] = []
    for path, stated in inputs(stack, spoke, stanza):
        source, undefined = interpolate_data(stated, variables)
        remote = "://" in source or source.startswith("git@")
        if not source or undefined or remote or (directory / Path(source).expanduser()).exists():
            continue
        if any(source.startswith(f"{folder}/") for folder in gone):
            continue
        gone.append(source)
        message = f"`{source}` does not exist on this host"
        found.append(finding("SC602", spoke.at(*path), message, spoke=spoke.name))
    return tuple(found)


def inputs(stack: Stack, spoke: Spoke, stanza: Stanza) -> Iterator[tuple[tuple[str, ...], str]]:
    """The place and the path, as stated, of each file or folder that Compose reads for the spoke."""
    for number, entry in enumerate(stanza.get("env_file", ())):
        if entry.get("required", True):
            yield ("env_file", str(number)), entry["path"]
    build = stanza.get("build") or {}
    context = str(build.get("context") or ".")
    if build:
        yield ("build", "context"), context
        if "://" not in context and "dockerfile_inline" not in build:
            yield ("build", "dockerfile"), os.path.join(context, build.get("dockerfile") or "Dockerfile")
    for key in ("configs", "secrets"):
        elements = stack.top_level.get(key, {})
        for number, grant in enumerate(stanza.get(key, ())):
            yield (key, str(number)), str((elements.get(grant["source"]) or {}).get("file") or "")


def private(stack: Stack, directory: Path) -> set[str]:
    """Files inside the stack's folder from which secrets and variables come."""
    found = {source.file for source in stack.secret_sources.values()}
    found |= _stated(stack, "secrets", "env_file")
    return {path for stated in found if (path := _inside(stated)) and (directory / path).is_file()}


def configs(stack: Stack, directory: Path) -> set[str]:
    """Files inside the stack's folder that spokes get as Compose's `configs`."""
    return {
        path
        for stated in _stated(stack, "configs")
        if (path := _inside(stated)) and (directory / path).is_file()
    }


def _stated(stack: Stack, *keys: str) -> set[str]:
    found_of = (found for spoke in stack.spokes for found in inputs(stack, spoke, spoke.service))
    return {stated for path, stated in found_of if path[0] in keys and stated}


def read_host(
    directory: Path, environ: Mapping[str, str], spokes: Collection[str] = ()
) -> tuple[Host, tuple[Finding, ...]]:
    """What differs on this host: stack.local.yaml, and variables from the environment over `.env`.

    `spokes` are the names that stack.local.yaml may use; without them, every name will do.
    """
    variables = {"UID": str(os.getuid()), "GID": str(os.getgid())}
    own: dict[str, str] = {}
    findings: list[Finding] = []
    env_file = directory / ".env"
    if env_file.is_file():
        source, _ = read_text(".env", _read(env_file))
        own, wrong = parse_env(source.text, environ)
        findings += [
            finding("SC103", Location(".env", line), "this line is not NAME=value") for line in wrong
        ]
    made_up = frozenset(variables.keys() - own.keys() - environ.keys())
    variables |= {**own, **environ}
    host, wrongs = read_local(directory, spokes)
    return replace(host, variables=variables, made_up=made_up), (*findings, *wrongs)


def read_local(directory: Path, spokes: Collection[str] = ()) -> tuple[Host, tuple[Finding, ...]]:
    """What stack.local.yaml says, without any variable; nothing where it is not there."""
    local = directory / LOCAL_FILE
    if not local.is_file():
        return Host(), ()
    source, more = read_text(LOCAL_FILE, _read(local))
    document = load_yaml(source)
    host, wrongs = _local(document, spokes)
    return host, (*more, *document.findings, *wrongs)


def _local(document: Document, spokes: Collection[str]) -> tuple[Host, list[Finding]]:
    found: list[Finding] = []

    def note(code: str, path: tuple[str, ...], message: str, hint: str = "") -> None:
        places = (document.places.get(path[:length]) for length in range(len(path), -1, -1))
        at = next((place for place in places if place is not None), Location(LOCAL_FILE))
        found.append(finding(code, at, message, hint))

    value = {} if document.value is None else document.value
    if not isinstance(value, dict):
        note("SC103", (), f"{LOCAL_FILE} is a map of keys")
        return Host(), found
    for key in value:
        if key not in _LOCAL_KEYS:
            note("SC102", (key,), f"unknown key `{key}`", nearest(key, _LOCAL_KEYS))

    def text(key: str) -> str:
        if isinstance(value.get(key, ""), str):
            return str(value.get(key, ""))
        note("SC103", (key,), f"`{key}` must be a text")
        return ""

    def per_spoke(key: str) -> dict[str, Any]:
        items = value.get(key) or {}
        if not isinstance(items, dict):
            note("SC103", (key,), f"`{key}` must be a map from spokes")
            return {}
        for name in items:
            if spokes and name not in spokes:
                note("SC102", (key, name), f"`{name}` is not a spoke", nearest(name, spokes))
        return items

    images: dict[str, str] = {}
    for name, image in per_spoke("images").items():
        if isinstance(image, str):
            images[name] = image
        else:
            note("SC103", ("images", name), f"the image of `{name}` must be a text")
    published: dict[str, tuple[Port, ...]] = {}
    for name, items in per_spoke("ports").items():
        long = ports(items, ("ports", name), note)
        if long is not None:
            published[name] = tuple(
                Port(p["target"], p.get("published", ""), p.get("host_ip", ""), p["protocol"])
                for _, p in long
            )
    return Host(images, text("prober_image"), published, text("socket")), found


# ---- writing


def write_atomically(
    path: Path, content: bytes, mode: int = 0o644, owner: tuple[int, int] | None = None
) -> bool:
    """Write a file as a whole or not at all; says whether it changed anything."""
    try:
        return _write(path, content, mode, owner)
    except OSError as error:
        # Some errors name a temporary file, and a full disk names none at all.
        error.filename = str(path)
        raise


def _write(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> bool:
    with suppress(OSError):
        there = path.stat()
        same_owner = owner is None or owner == (there.st_uid, there.st_gid)
        if same_owner and stat.S_IMODE(there.st_mode) == mode and path.read_bytes() == content:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            # The owner first: changing it afterwards could take bits of the mode away again.
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # Without this, a power cut can bring the old name back.
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def state_dir(directory: Path) -> Path:
    """The folder for records, lock and journal; made where it is missing, readable by its owner only."""
    return private_dir(directory / STATE_DIR)


def private_dir(path: Path) -> Path:
    """A folder that only its owner can enter; made where it is missing."""
    path.mkdir(mode=0o700, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) != 0o700:
        path.chmod(0o700)
    return path
