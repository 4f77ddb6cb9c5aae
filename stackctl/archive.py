"""One file that carries a stack to a machine without a network: its files and its images.

A tar archive: `stackctl.json` says what is in it, with the sha256 of every file; the stack's files stand
under `stack/`; `images.tar` is what the Engine saves. Nothing is believed before it was compared.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from stackctl.errors import Exit, StackctlError

SCHEMA = 1
_LIST, _FILES, _IMAGES = "stackctl.json", "stack/", "images.tar"
_NEVER = frozenset(("..", ".git", ".stackctl"))
_PIECE = 1 << 20
_LARGEST_LIST = 64 << 20


class NotAnArchive(StackctlError):
    """The file is no export of a stack, is damaged, or was written by a newer stackctl."""

    exit_code = Exit.INVALID_FILES


@dataclass(frozen=True)
class Image:
    """An image as one spoke runs it."""

    reference: str
    """As the stack on the exporting host states it."""
    id: str


@dataclass(frozen=True)
class Contents:
    """What an archive says that it holds."""

    stack: str
    version: str
    """Of the stackctl that wrote it."""
    files: Mapping[str, str]
    """Path relative to the stack's folder -> sha256."""
    executable: tuple[str, ...]
    images: Mapping[str, Image]
    """Spoke -> what it runs."""
    prober: Image
    saved: str
    """sha256 of what the Engine saved."""


def write(
    target: Path,
    stack: str,
    version: str,
    files: Mapping[str, bytes],
    executable: tuple[str, ...],
    images: Mapping[str, Image],
    prober: Image,
    saved: Path,
) -> Contents:
    """The archive as a whole or not at all. `saved` is the file that holds the images."""
    sums = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    contents = Contents(stack, version, sums, executable, images, prober, _sum(saved))
    partial = target.with_name(f".{target.name}.partial")
    try:
        with tarfile.open(partial, "w") as archive:
            _add(archive, _LIST, json.dumps({"schema": SCHEMA, **asdict(contents)}, indent=1).encode())
            for path in sorted(files):
                _add(archive, _FILES + path, files[path])
            with saved.open("rb") as file:
                member = tarfile.TarInfo(_IMAGES)
                member.size, member.mode = saved.stat().st_size, 0o600
                archive.addfile(member, file)
        # Who may read the images and pages is the operator's choice, not this file's.
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return contents


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive, its list read and checked.

    Raises:
        NotAnArchive: It is something else, or names a path that leads out of the stack's folder.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            yield Archive(path, archive, _listed(path, archive))
    except (tarfile.TarError, EOFError) as error:
        raise NotAnArchive(
            f"{path} is no export of a stack, or is damaged: {error}", "export it anew"
        ) from error


@dataclass(frozen=True)
class Archive:
    path: Path
    _tar: tarfile.TarFile
    contents: Contents

    def files(self) -> dict[str, bytes]:
        """Every file of the stack, compared with the list."""
        found = {}
        for path, expected in self.contents.files.items():
            data = self._open(_FILES + path).read()
            if hashlib.sha256(data).hexdigest() != expected:
                raise self._damaged(path)
            found[path] = data
        return found

    def check_images(self) -> None:
        """Reads what the Engine saved once through, and compares it with the list."""
        digest = hashlib.sha256()
        file = self._open(_IMAGES)
        while piece := file.read(_PIECE):
            digest.update(piece)
        if digest.hexdigest() != self.contents.saved:
            raise self._damaged(_IMAGES)

    def images(self) -> tuple[IO[bytes], int]:
        """What the Engine saved, and its size in bytes."""
        return self._open(_IMAGES), self._tar.getmember(_IMAGES).size

    def _open(self, name: str) -> IO[bytes]:
        try:
            member = self._tar.getmember(name)
        except KeyError:
            raise self._damaged(name) from None
        file = self._tar.extractfile(member) if member.isreg() else None
        if file is None:
            raise self._damaged(name)
        return file

    def _damaged(self, name: str) -> NotAnArchive:
        return NotAnArchive(f"{self.path} is damaged: {name} is not what its list says", "export it anew")


def _listed(path: Path, archive: tarfile.TarFile) -> Contents:
    wrong = NotAnArchive(f"{path} is no export of a stack", "make one with `stackctl export FILE`")
    first = archive.next()
    if first is None or first.name != _LIST or not first.isreg() or first.size > _LARGEST_LIST:
        raise wrong
    file = archive.extractfile(first)
    try:
        data: dict[str, Any] = json.loads(file.read() if file else b"")
        schema = data.pop("schema")
        if not isinstance(schema, int) or schema > SCHEMA:
            raise NotAnArchive(
                f"{path} was written by a newer stackctl ({data.get('version')})", "update stackctl"
            )
        images = {name: Image(**image) for name, image in data.pop("images").items()}
        prober = Image(**data.pop("prober"))
        data["executable"] = tuple(data["executable"])
        contents = Contents(images=images, prober=prober, **data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise wrong from error
    for name in contents.files:
        parts = PurePosixPath(name).parts
        # What git finds in a `.git` can start programs.
        leads_out = name.startswith("/") or "\\" in name or not _NEVER.isdisjoint(parts)
        if not parts or leads_out:
            raise NotAnArchive(f"{path} names a file outside of a stack's folder: {name!r}", "do not use it")
    return contents


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    archive.addfile(member, io.BytesIO(data))


def _sum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
