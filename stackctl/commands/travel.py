"""`stackctl export` and `import`: a stack's files and images, to a machine that reaches no registry."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from stackctl import __version__, archive, files, secrets, yaml_text
from stackctl.archive import Archive, Image
from stackctl.commands.image_answers import TravelAnswer
from stackctl.commands.opened import HostView, Opened, find, look_at_host, open_stack
from stackctl.commands.story import Ended, Story
from stackctl.engine import Engine, NotThere
from stackctl.errors import StackctlError, UsageError
from stackctl.events import Finished, Found, Said, Started
from stackctl.model import Observed, Spoke
from stackctl.observe import observe

_LOCAL = "stackctl.local/import/"
"""What an image is called that no registry on the other machine could give by its own name."""


def export(
    root: Path, target: Path, *, profiles: frozenset[str] = frozenset(), environ: Mapping[str, str]
) -> Story:
    """Writes one file; the Engine only hands out what it has. Values of this host and secrets stay here.

    With profiles, only the images that `up` with these would run; the files are always all.

    Raises:
        StackctlError: An image is not on the Engine, or the file cannot be written.
    """
    opened = open_stack(root)
    view = look_at_host(opened, environ)
    target = Path.cwd() / target
    with Engine.connect(environ) as engine:
        observed = observe(engine, opened.stack.name)
        wanted = [s for s in opened.stack.spokes if not profiles or s.active(profiles)]
        images, prober = _images(opened, wanted, view, observed)
        private = files.private(opened.stack, root)
        carried, executable = _carried(opened, private)
        for path in sorted(private):
            yield Said(f"{path} may hold secrets, so it stays here: bring it yourself", warning=True)
        ids = sorted({image.id for image in (*images.values(), prober) if image.id})
        if (root / ".env").is_file():
            yield Said(
                ".env holds values of this host, so it stays here: bring what is needed yourself",
                warning=True,
            )
        step = f"save {len(ids)} image{'s' if len(ids) != 1 else ''}"
        yield Started(step)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.") as saved:
            engine.save(ids, saved)
            saved.flush()
            contents = archive.write(
                target, opened.stack.name, __version__, carried, executable, images, prober, Path(saved.name)
            )
        yield Finished(step)
    return Ended(
        TravelAnswer(
            opened.stack.name,
            str(target),
            tuple(contents.files),
            {spoke: image.reference for spoke, image in ({**images, "": prober}).items() if image.id},
            next=(f"stackctl import {target.name} {opened.stack.name}   # on the other machine",),
        )
    )


def import_(source: Path, folder: Path, *, environ: Mapping[str, str]) -> Story:
    """Everything is compared with the archive's list before anything is written or loaded.

    Raises:
        UsageError: The folder is not empty.
        NotAnArchive: The archive is damaged or something else.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", "name a new folder behind the archive")
    with archive.opened(source) as carried:
        texts = carried.files()
        step = "compare the images with the archive's list"
        yield Started(step)
        carried.check_images()
        yield Finished(step)
        with Engine.connect(environ) as engine:
            step = "load the images"
            yield Started(step)
            engine.load(*carried.images())
            here = _named(carried, engine)
            yield Finished(step)
        for path, data in texts.items():
            mode = 0o755 if path in carried.contents.executable else 0o644
            files.write_atomically(folder / path, data, mode)
        local = _local(carried, here)
        files.write_atomically(folder / files.LOCAL_FILE, local.encode())
    stack, findings = find(folder)
    yield from (Found(finding) for finding in findings)
    host, _ = files.read_host(folder, environ)
    if stack and (
        lacking := ", ".join(secrets.lacking(stack, carried.contents.images, folder, host.variables))
    ):
        yield Said(f"secrets do not travel: before `stackctl up`, give a value to {lacking}", warning=True)
    profiles = "".join(f" --profile {name}" for name in _profiles(folder, carried.contents.images))
    return Ended(
        TravelAnswer(
            carried.contents.stack,
            str(source),
            (*texts, files.LOCAL_FILE),
            here,
            next=(f"cd {folder}", f"stackctl up{profiles}"),
        )
    )


def _images(
    opened: Opened, wanted: Iterable[Spoke], view: HostView, observed: Observed
) -> tuple[dict[str, Image], Image]:
    found: dict[str, Image] = {}
    missing: list[str] = []
    for spoke in wanted:
        reference = str(view.on_host.stanzas[spoke.name].get("image") or f"{opened.stack.name}-{spoke.name}")
        found[spoke.name] = Image(reference, observed.image_id(reference))
        missing += [reference] if not found[spoke.name].id else []
    prober = view.host.prober_image or opened.stack.prober_image
    asks = Image(prober, observed.image_id(prober))
    missing += [prober] if prober and not asks.id else []
    if missing:
        raise StackctlError(
            f"not on this Engine: {', '.join(dict.fromkeys(missing))}",
            "fetch or build them first: `stackctl pull`; or export less: `--profile core`",
        )
    return found, asks


def _carried(opened: Opened, private: set[str]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The files that git would keep too, rendered ones included."""
    paths = {
        *files.load(opened.root),
        *files.decisions(opened.root),
        *opened.stack.files,
        *opened.bundle.files,
    }
    paths |= files.configs(opened.stack, opened.root)
    there = {p: opened.root / p for p in sorted(paths - private) if (opened.root / p).is_file()}
    executable = tuple(path for path, file in there.items() if file.stat().st_mode & 0o100)
    return {path: file.read_bytes() for path, file in there.items()}, executable


def _named(carried: Archive, engine: Engine) -> dict[str, str]:
    """Spoke -> the name of its image here, `""` the prober's; by id, they are those exported."""
    names: dict[str, str] = {}
    contents = carried.contents
    for spoke, image in {**contents.images, "": contents.prober}.items():
        if not image.id:
            continue
        name = image.reference
        if "@" in name or _taken(engine, name, image.id):
            # A digest is known only of what was pulled, and a name that means something else here belongs to
            # whoever runs that: a name of our own takes its place.
            last = name.partition("@")[0].rpartition("/")[2].partition(":")[0]
            name = f"{_LOCAL}{last}:{image.id.removeprefix('sha256:')[:12]}"
        engine.tag(image.id, name)
        names[spoke] = name
    return names


def _taken(engine: Engine, name: str, id: str) -> bool:
    """Whether this name means another image here."""
    try:
        return bool(engine.image(name)["Id"] != id)
    except NotThere:
        return False


def _local(carried: Archive, here: Mapping[str, str]) -> str:
    references = {spoke: image.reference for spoke, image in carried.contents.images.items()}
    images = {spoke: name for spoke, name in here.items() if spoke and name.startswith("stackctl.local/")}
    lines = [f"# Written by `stackctl import` from {carried.path.name}: the images that came with it."]
    if here.get("", "").startswith("stackctl.local/"):
        lines.append(f"prober_image: {yaml_text.quoted(here[''])}")
    lines += ["images:"] if images else []
    for spoke, name in images.items():
        lines.append(f"  {spoke}: {yaml_text.quoted(name)}   # {references[spoke]}")
    return "\n".join(lines) + "\n"


def _profiles(folder: Path, carried: Collection[str]) -> Iterator[str]:
    """Those of the spokes whose images came along."""
    stack, _ = find(folder)
    spokes = [spoke for spoke in (stack.spokes if stack else ()) if spoke.name in carried]
    yield from dict.fromkeys(profile for spoke in spokes for profile in spoke.profiles)
