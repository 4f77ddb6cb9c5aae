"""`stackctl render`: writes the committed files and this host's override; `--check` only compares."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from stackctl import files, fingerprint, good, state
from stackctl.commands.opened import HostView, Opened, look_at_host, open_stack
from stackctl.commands.story import Ended, LinesAnswer, RenderAnswer, Story
from stackctl.edge.caddy import LED_DIR
from stackctl.edge.middlewares import listens_for_tls
from stackctl.edge.traefik import ROUTES_FILE
from stackctl.errors import Exit, StackctlError
from stackctl.events import Found, Line, Said
from stackctl.exposure import by_routes
from stackctl.files import state_dir
from stackctl.generation import raised, witness
from stackctl.model import RoutesBy
from stackctl.override import OVERRIDE_FILE
from stackctl.render import COMPOSE_FILE, RENDERED_DIR


def render(
    root: Path,
    *,
    check: bool,
    stdout: bool,
    environ: Mapping[str, str],
    expose: Callable[[str], bool] = lambda _: False,
) -> Story:
    """`expose` is asked where a Traefik that runs would open routes as soon as they are written.

    Raises:
        StackctlError: It says no; nothing was written.
    """
    opened = open_stack(root)
    yield from (Found(finding) for finding in opened.findings)
    if stdout:
        for line in opened.bundle.files[COMPOSE_FILE].decode().splitlines():
            yield Line("", line)
        return Ended(LinesAnswer())
    if check:
        differing = {path for path, content in opened.bundle.files.items() if there(root / path) != content}
        differing |= left_over(opened)
        unchanged = opened.bundle.files.keys() - differing
        return Ended(
            RenderAnswer(tuple(sorted(differing)), tuple(sorted(unchanged)), checked=True),
            Exit.PENDING if differing else Exit.DONE,
        )
    view = look_at_host(opened, environ)
    yield from view.unread()
    if (question := _opened_at_once(opened, view)) and not expose(f"{question}. Write it?"):
        raise StackctlError("declined what it would open; nothing was written", "`stackctl up` shows it all")
    answer = write(opened, view, known_applied(opened, view, state.applied_images(root)))
    if live := [path for path in answer.changed if is_watched(path)]:
        told = f"{', '.join(live)}: a Traefik that runs reads this at once, before any `up`"
        yield Said(told, warning=True)
    return Ended(answer)


def is_watched(path: str) -> bool:
    """Whether a Traefik that runs reads this file as soon as it is written."""
    return path.endswith(f"/{ROUTES_FILE}")


def _leads(path: str) -> bool:
    """Whether a Caddy that runs is led to a single container by this file's name."""
    return path.split("/")[2:3] == [LED_DIR]


def _opened_at_once(opened: Opened, view: HostView) -> str:
    """What a watching edge would open, in words; empty where nothing ever ran here."""
    root, files = opened.root, opened.bundle.files
    allowed = state.exposed(root)
    watched = [path for path in files if is_watched(path)]
    by_files = opened.stack.routing.by is RoutesBy.FILES
    # What was said yes to may be lost, and everything is asked again then.
    ever_ran = allowed or state.applied_images(root) or good.is_any(root)
    if not (ever_ran and by_files and any(there(root / path) != files[path] for path in watched)):
        return ""
    found = by_routes(opened.stack, view.on_host.stanzas, allowed, str(root))
    told = "; ".join(f"{exposure.spoke} {exposure.what}" for exposure in found)
    return f"A Traefik that runs would open at once: {told}" if found else ""


def expect_closed(opened: Opened, view: HostView, crowded: Collection[str]) -> None:
    """Raises StackctlError where an edge that runs would be told of routes that nobody said yes to.

    `crowded` are the spokes of which containers are to go, which the edge must hear of first.
    """
    if told := _opened_at_once(opened, view):
        names = ", ".join(sorted(crowded))
        raise StackctlError(
            f"{names}: more containers stand here than declared; before one goes, the edge is told. {told}",
            "say yes to it with `stackctl render --allow-exposure`, or take the routes out of the manifests",
        )


def write_closed(opened: Opened, view: HostView) -> Iterator[Said]:
    """As `write`, for a command that was not asked for routes: those that would open something wait."""
    told = _opened_at_once(opened, view)
    labels = known_applied(opened, view, state.applied_images(opened.root))
    if told:
        yield Said(f"{told}; it is not told of any route until `stackctl up`", warning=True)
    write(opened, view, labels, routes=not told)


def write(opened: Opened, view: HostView, labels: Mapping[str, str], *, routes: bool = True) -> RenderAnswer:
    """Writes the bundle and the override; what is equal already is not touched.

    Without `routes`, what an edge that runs would take in by itself stays as it is.
    """
    changed: list[str] = []
    unchanged: list[str] = []
    bundle = {p: text for p, text in opened.bundle.files.items() if routes or not is_watched(p)}
    texts = {**bundle, OVERRIDE_FILE: view.on_host.text(labels, _raised(opened, view)).encode()}
    for path, content in texts.items():
        # The override may hold host values that are nobody else's business.
        mode = 0o600 if path == OVERRIDE_FILE else 0o644
        (changed if files.write_atomically(opened.root / path, content, mode) else unchanged).append(path)
    if any(listens_for_tls(opened.stack.spoke(name)) for name in opened.bundle.reloads):
        # Mounted by the edge: without it, Compose alone would start nothing.
        (state_dir(opened.root) / "tls").mkdir(mode=0o755, exist_ok=True)
    digests = {p: fingerprint.sha256(c.hex()) for p, c in texts.items() if p.startswith(f"{RENDERED_DIR}/")}
    if digests != state.written(opened.root):
        state.remember_written(opened.root, digests)
    # Backwards: of what leads an edge, the first counts.
    for path in sorted(left_over(opened), reverse=True):
        if _leads(path) and not routes:
            continue
        (opened.root / path).unlink()
        changed.append(path)
        for folder in (opened.root / path).parents:
            if folder.name == RENDERED_DIR or any(folder.iterdir()):
                break
            folder.rmdir()
    return RenderAnswer(tuple(changed), tuple(unchanged))


def _raised(opened: Opened, view: HostView) -> dict[str, dict[str, str]]:
    """The labels of the spokes that are past their first generation here."""
    project, stanzas = opened.stack.name, view.on_host.stanzas
    return {
        name: raised(stanzas[name].get("labels", {}), number, witness(project, name, number))
        for name, number in sorted(view.generations.items())
        if number > 1 and name in stanzas
    }


def known_applied(opened: Opened, view: HostView, images: Mapping[str, str]) -> dict[str, str]:
    """The applied fingerprints of the spokes whose image id and secrets are known."""
    key = state.host_key(opened.root)
    labels = {}
    for spoke, stanza in view.on_host.stanzas.items():
        used = [name for name in opened.stack.spoke(spoke).secrets if name in opened.stack.secret_sources]
        if images.get(spoke) and all(name in view.macs for name in used):
            macs = {name: view.macs[name] for name in used} | view.contents.macs(spoke, key)
            labels[spoke] = fingerprint.applied(
                opened.bundle.fingerprints[spoke], stanza, images[spoke], key, macs
            )
    return labels


def there(path: Path) -> bytes | None:
    """A file's content; None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def left_over(opened: Opened) -> set[str]:
    """Files under `rendered/` that nothing renders any more; that folder is stackctl's own."""
    folder = opened.root / RENDERED_DIR
    there = {str(path.relative_to(opened.root)) for path in folder.rglob("*") if path.is_file()}
    return there - opened.bundle.files.keys()
