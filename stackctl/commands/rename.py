"""`stackctl rename`: a spoke's files, its name in the files of others, and its history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from stackctl import files, records, state
from stackctl.commands.opened import Opened, find, named, open_stack
from stackctl.commands.story import Ended, Story, WrittenAnswer
from stackctl.edit import Raw, Rewrite
from stackctl.edit.page import retitle
from stackctl.edit.references import mentions, rename_in_manifest, rename_in_page, rename_on_host
from stackctl.engine import Engine
from stackctl.errors import StackctlError, UsageError
from stackctl.events import Said
from stackctl.model import Spoke
from stackctl.observe import containers_of
from stackctl.read.partial import SPOKE_NAME

_LOCAL = files.LOCAL_FILE


def rename(
    root: Path, old: str, new: str, *, confirm: Callable[[str], bool], environ: Mapping[str, str]
) -> Story:
    """Named volumes keep their names, so their data stays; the next `up` replaces the container.

    Raises:
        UsageError: The new name is taken, or is none.
    """
    opened = open_stack(root)
    named(opened.stack, (old,))
    _expect_free(opened, new)
    spoke = opened.stack.spoke(old)
    moves = {f: f.replace(f"spokes/{old}.", f"spokes/{new}.") for f in (spoke.page, spoke.manifest) if f}
    rewrites = _rewrites(root, spoke, old, new)
    for line in _lines(rewrites, {}):
        yield Said(line)
    yield from _unnamed_volumes(opened, old, environ)
    edits = sum(len(rewrite.edits) for rewrite in rewrites)
    if not confirm(f"Rename {' and '.join(moves)}, and make {edits} edits?"):
        raise StackctlError("declined; nothing was changed")
    for rewrite in rewrites:
        rewrite.write(root)
    for was, is_ in moves.items():
        (root / was).rename(root / is_)
    records.rename(root, opened.stack.name, old, new, datetime.now(UTC))
    if allowed := state.exposed(root).get(old):
        state.remember_exposed(root, {new: allowed, old: ()})
    left = [
        f"{file}:{number}"
        for file, data in files.load(root).items()
        if file.startswith("spokes/")
        for number in mentions(Raw(file, data), old)
    ]
    if left:
        yield Said(f"`{old}` still stands in {', '.join(left)}: see whether it means the spoke", warning=True)
    _, findings = find(root)
    for finding in findings:
        if finding.blocks:
            yield Said(f"{finding.at} {finding.code}: {finding.message}", warning=True)
    profiles = "".join(f" --profile {profile}" for profile in spoke.profiles)
    return Ended(
        WrittenAnswer(
            opened.stack.name,
            written=tuple(moves.values()),
            deleted=tuple(moves),
            changed=_lines(rewrites, moves),
            next=(f"stackctl plan{profiles}", f"stackctl up{profiles}"),
        )
    )


def _expect_free(opened: Opened, new: str) -> None:
    if not SPOKE_NAME.match(new):
        raise UsageError(f"`{new}` cannot be the name of a spoke", "use a-z, 0-9, - and _")
    if new in [spoke.name for spoke in opened.stack.spokes]:
        raise UsageError(f"there is a spoke named {new} already")


def _rewrites(root: Path, spoke: Spoke, old: str, new: str) -> list[Rewrite]:
    found = []
    for file, data in files.load(root).items():
        raw = Raw(file, data)
        if file.startswith("spokes/"):
            edits = (
                rename_in_page(raw, old, new) if file.endswith(".md") else rename_in_manifest(raw, old, new)
            )
            if file == spoke.page:
                edits += retitle(raw, old, new)
            found.append(Rewrite(raw, edits))
    local = root / _LOCAL
    if local.is_file():
        raw = Raw(_LOCAL, local.read_bytes())
        found.append(Rewrite(raw, rename_on_host(raw, old, new)))
    return [rewrite for rewrite in found if rewrite.edits]


def _lines(rewrites: Iterable[Rewrite], moves: Mapping[str, str]) -> tuple[str, ...]:
    """Each edited line as it is afterwards, under the name that its file has after these moves."""
    found: list[str] = []
    for rewrite in rewrites:
        file = rewrite.raw.file
        after = Raw(file, rewrite.after)
        numbers = sorted({edit.at.line for edit in rewrite.edits})
        found += (f"{moves.get(file, file)}:{number}: {_short(after.line(number))}" for number in numbers)
    return tuple(found)


def _short(line: str) -> str:
    line = line.strip()
    return line if len(line) <= 100 else f"{line[:99]}…"


def _unnamed_volumes(opened: Opened, spoke: str, environ: Mapping[str, str]) -> Iterator[Said]:
    """Data in a volume that the files do not name stays behind with the old container's volume."""
    try:
        containers = containers_of(Engine.connect(environ), opened.stack.name, (spoke,))
    except StackctlError:
        return
    declared = {mount.target for mount in opened.stack.spoke(spoke).mounts}
    for container in containers:
        for mount in container.mounts:
            if mount.type == "volume" and mount.target not in declared:
                told = (
                    f"{container.name} keeps {mount.target} in a volume without a name ({mount.source[:12]})"
                )
                yield Said(f"{told}: the new container gets an empty one", warning=True)
