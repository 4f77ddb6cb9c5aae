"""`stackctl backup` and `stackctl restore`: what spokes keep, to a file and back."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stackctl import files
from stackctl.apply import backup as backups
from stackctl.commands.acting import Acting, act_on
from stackctl.commands.story import BackupAnswer, Ended, RestoreAnswer, Story
from stackctl.errors import StackctlError
from stackctl.events import Event, Finished, Said, Started
from stackctl.journal import Begun, Journal, Phase, Unfinished, expect_whole, unfinished
from stackctl.lock import Lock
from stackctl.model import Backup, Container, Kept
from stackctl.observe import containers_of, observe

_HINT = "state `backup: {path: /data}`, or `backup: {command: […]}`, in its manifest"


def listed(root: Path, spokes: tuple[str, ...], *, environ: Mapping[str, str]) -> Story:
    acting = act_on(root, environ, spokes)
    yield from acting.warned()
    names = spokes or tuple(spoke.name for spoke in acting.stack.spokes)
    return Ended(BackupAnswer(tuple(kept for name in names for kept in backups.kept(root, name))))


def back_up(root: Path, spokes: tuple[str, ...], *, environ: Mapping[str, str], held: Lock) -> Story:
    acting = act_on(root, environ, spokes, held)
    yield from acting.warned()
    names = spokes or tuple(spoke.name for spoke in acting.stack.spokes if spoke.backup)
    if not names:
        raise StackctlError("no spoke states a `backup`", _HINT)
    present = {c.spoke for c in containers_of(acting.engine, acting.stack.name, names)}
    if left := () if spokes else tuple(name for name in names if name not in present):
        yield Said(f"left out, as it has no container: {', '.join(left)}")
    made: list[Kept] = []
    failures: list[StackctlError] = []
    for name in names:
        if name in left:
            continue
        # What one keeps is no reason to leave that of the others unsaved.
        try:
            made.append((yield from _made(acting, name)))
        except StackctlError as error:
            failures.append(error)
    if failures:
        raise _together(failures, len(made))
    return Ended(BackupAnswer(tuple(made)))


def _made(acting: Acting, name: str) -> Generator[Event, None, Kept]:
    how, container = _of(acting, name)
    yield Started("backup", name)
    try:
        made = backups.back_up(acting.compose, name, how, container)
    except StackctlError as error:
        yield Finished("backup", name, ok=False, detail=error.message)
        raise
    yield Finished("backup", name, detail=made.file)
    return made


def _together(failures: Sequence[StackctlError], made: int) -> StackctlError:
    """One error for all that failed."""
    if len(failures) == 1:
        return failures[0]
    told = "; ".join(error.message for error in failures)
    hints = "; ".join(dict.fromkeys(error.hint for error in failures if error.hint))
    detail = "\n".join(error.detail for error in failures if error.detail)
    return StackctlError(f"{len(failures)} backups failed, {made} were made: {told}", hints, detail)


def restore(
    root: Path,
    spoke: str,
    file: str,
    *,
    confirm: Callable[[str], bool],
    environ: Mapping[str, str],
    held: Lock,
) -> Story:
    """Backs up what is there first, so that a restore of the wrong file can be undone.

    Until it has come to a good end, no `up` and no `rollback` starts anything on what may be there in part.
    """
    acting = act_on(root, environ, (spoke,), held)
    yield from acting.warned()
    how, container = _of(acting, spoke)
    if how.command and not how.restore:
        raise StackctlError(
            f"{spoke} does not state how its backup is restored", "state `restore:` under `backup:`"
        )
    there = backups.kept(root, spoke)
    if not (file or there):
        raise StackctlError(f"there is no backup of {spoke}", f"make one: `stackctl backup {spoke}`")
    left = unfinished(root)
    # After a restore that was killed, what is there is in part, and so is every backup of it.
    whole = next((k for k in there if left and left.phase is Phase.RESTORE and left.why == _again(k)), None)
    source = _given(root, file) if file else root / (whole or there[-1]).file
    if not source.is_file():
        raise StackctlError(f"there is no file {source}", f"see `stackctl backup --list {spoke}`")
    if not confirm(f"Put {source.name} in the place of what {spoke} keeps now?"):
        raise StackctlError("declined; nothing was changed")
    backups.expect_readable(spoke, how, source)
    host, _ = files.read_host(root, environ)
    made = backups.back_up(acting.compose, spoke, how, container)
    yield Finished("backup", spoke, detail=made.file)
    before = whole or made
    again = _again(before)
    journal, of_another = _begun(root, left, spoke, container)
    journal.phase(Phase.RESTORE, again)
    journal.step("restore", spoke)
    yield Started("restore", spoke)
    image = host.prober_image or acting.stack.prober_image
    try:
        backups.restore(acting.compose, spoke, how, container, source, image)
    except StackctlError as error:
        yield Finished("restore", spoke, ok=False)
        error.hint = error.hint or again
        raise
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{spoke} may be restored in part; {again}") from None
    journal.ended("restore", spoke, ok=True)
    if of_another is None:
        journal.close()
    else:
        journal.phase(of_another.phase, of_another.why)
    yield Finished("restore", spoke, detail=source.name)
    return Ended(RestoreAnswer(spoke, str(source), before.file))


def _again(before: Kept) -> str:
    return f"what was there before: `stackctl restore {before.spoke} {before.file}`"


def _given(root: Path, file: str) -> Path:
    """As the person means it: from where they are, or as `backup` names it, from the stack's folder."""
    here = Path(file)
    return here if here.is_file() else root / file


def _begun(
    root: Path, left: Unfinished | None, spoke: str, container: Container
) -> tuple[Journal, Unfinished | None]:
    """The journal of a restore; where an `up` left one, that one, and what it said until now.

    Raises:
        StackctlError: The restore of another spoke came to no end.
    """
    if left is not None and left.phase is Phase.RESTORE and ("restore", spoke) not in left.open:
        expect_whole(left)
    journal = Journal(root)
    if left is None or left.begun.command == "restore":
        journal.begin(Begun("restore", "", {}, {spoke: (container.id,)}))
        return journal, None
    # What an `up` had said before is not known any more where a restore was killed since.
    plain = replace(left, phase=Phase.APPLY, why="") if left.phase is Phase.RESTORE else left
    return journal, plain


def _of(acting: Acting, name: str) -> tuple[Backup, Container]:
    how = acting.stack.spoke(name).backup
    if how is None:
        raise StackctlError(f"{name} states no `backup`", _HINT)
    found = observe(acting.engine, acting.stack.name).of_spoke(name)
    if not found:
        raise StackctlError(f"{name} has no container", f"create it: `stackctl up {name}`")
    return how, next((c for c in found if c.running), found[-1])
