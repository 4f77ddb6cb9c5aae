"""`stackctl remove`: takes a spoke out of the stack; never a volume, never under somebody who leans on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from stackctl import records, secrets
from stackctl.apply.trouble import explained
from stackctl.commands.opened import Opened, compose_for, look_at_host, named, open_stack
from stackctl.commands.render import write_closed
from stackctl.commands.story import Ended, Story, WrittenAnswer
from stackctl.edit import Raw, Rewrite
from stackctl.edit.references import remove_on_host
from stackctl.engine import Engine
from stackctl.errors import StackctlError
from stackctl.events import Finished, Said, Started
from stackctl.files import LOCAL_FILE
from stackctl.findings import InvalidFiles
from stackctl.lock import Lock
from stackctl.model import Container
from stackctl.observe import containers_of


def remove(
    root: Path,
    spoke: str,
    *,
    keep_container: bool,
    confirm: Callable[[str], bool],
    environ: Mapping[str, str],
    held: Lock,
) -> Story:
    """Deletes page and manifest, and removes the container unless it is to be left to the next `up`.

    Raises:
        StackctlError: Another spoke depends on it.
    """
    opened = open_stack(root)
    named(opened.stack, (spoke,))
    _expect_nobody_leans(opened, spoke)
    gone = opened.stack.spoke(spoke)
    files = tuple(file for file in (gone.page, gone.manifest) if file)
    containers: tuple[Container, ...] = ()
    if not keep_container:
        try:
            containers = containers_of(Engine.connect(environ), opened.stack.name, _names(opened, spoke))
        except StackctlError as error:
            yield Said(f"{error.message}: a container is left to the next `stackctl up`", warning=True)
    here = _on_host(root, spoke)
    if entries := ", ".join(f"{edit.at.file}:{edit.at.line}" for edit in here.edits):
        yield Said(f"what is said of {spoke} on this host goes too ({entries})")
    question = f"Delete {' and '.join(files)}"
    if containers:
        question += f", and remove the container {', '.join(c.name for c in containers)}"
    if not confirm(f"{question}?"):
        raise StackctlError("declined; nothing was changed")
    if containers:
        view = look_at_host(opened, environ)
        yield Started("remove", spoke)
        done = compose_for(opened, view, environ, held).remove([c.id for c in containers])
        if done.exit_code:
            yield Finished("remove", spoke, ok=False)
            raise explained(done, "the removal", spoke)
        yield Finished("remove", spoke)
    for file in files:
        (root / file).unlink()
    if here.edits:
        here.write(root)
    for mount in gone.mounts:
        if mount.type == "volume" and mount.source:
            yield Said(f"the volume {mount.source} is kept")
    try:
        left = open_stack(root)
        view = look_at_host(left, environ)
        yield from write_closed(left, view)
        if containers:
            secrets.remove_unnamed(left.stack, root)
    except InvalidFiles:
        yield Said("what is left cannot be rendered: see `stackctl lint`", warning=True)
    if files and len(opened.stack.spokes) == 1:
        after: tuple[str, ...] = ("stackctl new NAME", "stackctl down")
    else:
        after = () if containers else ("stackctl up",)
    changed = tuple(f"{edit.at.file}:{edit.at.line}: {spoke} taken out" for edit in here.edits)
    return Ended(WrittenAnswer(opened.stack.name, deleted=files, changed=changed, next=after))


def _on_host(root: Path, spoke: str) -> Rewrite:
    """`stack.local.yaml` without the spoke: an entry for a spoke that is gone is an error."""
    path = root / LOCAL_FILE
    raw = Raw(LOCAL_FILE, path.read_bytes() if path.is_file() else b"")
    return Rewrite(raw, remove_on_host(raw, spoke))


def _names(opened: Opened, spoke: str) -> tuple[str, ...]:
    """The spoke's name, and those under which its container may still run since it was renamed."""
    taken = {other.name for other in opened.stack.spokes}
    former = records.former_names(opened.root, opened.stack.name, spoke)
    return (spoke, *(name for name in former if name not in taken))


def _expect_nobody_leans(opened: Opened, spoke: str) -> None:
    leaning = [
        f"{other.name} ({other.at('depends_on', spoke)})"
        for other in opened.stack.spokes
        if spoke in [dependency.spoke for dependency in other.dependencies]
    ]
    if leaning:
        raise StackctlError(
            f"{spoke} cannot be removed: {', '.join(leaning)} depend{'s' if len(leaning) == 1 else ''} on it",
            "take it out of their dependencies first, or remove them",
        )
