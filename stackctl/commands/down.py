"""`stackctl down`: removes the stack's containers and networks, of all profiles; never a volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from stackctl import good, journal, secrets
from stackctl.apply.trouble import explained
from stackctl.commands.opened import expect_ours, find
from stackctl.commands.story import DownAnswer, Ended, Story
from stackctl.compose import Compose
from stackctl.engine import Engine
from stackctl.errors import StackctlError
from stackctl.events import Finished, Said, Started
from stackctl.findings import InvalidFiles
from stackctl.lock import Lock
from stackctl.model import SECRETS_DIR
from stackctl.observe import PROJECT_LABEL, observe
from stackctl.read.yaml_nodes import plain
from stackctl.render import COMPOSE_FILE


def down(root: Path, *, confirm: Callable[[str], bool], environ: Mapping[str, str], held: Lock) -> Story:
    """Needs nothing of the files but the stack's name: what runs can go, however broken they are.

    Raises:
        InvalidFiles: No file tells the name.
    """
    stack, findings = find(root)
    project = stack.name if stack else _rendered_name(root)
    if not project:
        raise InvalidFiles(findings)
    if any(finding.blocks for finding in findings):
        yield Said(f"the stack's files hold errors, which do not matter here: {project} goes", warning=True)
    observed = observe(Engine.connect(environ), project)
    expect_ours(observed, root)
    containers = tuple(container.name for container in observed.containers)
    networks = tuple(
        name
        for name, network in observed.networks.items()
        if (network.get("Labels") or {}).get(PROJECT_LABEL) == project
    )
    if not (containers or networks):
        yield Said("nothing to do: the stack has no container and no network")
        if (root / journal.FILE).exists() or (root / SECRETS_DIR).exists():
            # Asked, as what runs may run on another Engine than the one that was looked at.
            if not confirm("Forget what the last run left undone, and take away the files with its secrets?"):
                raise StackctlError("declined; nothing was changed")
            _forget(root)
        return Ended(DownAnswer(()))
    what = "container" if containers else "network"
    names = containers or networks
    if not confirm(f"Remove {len(names)} {what}{'s' if len(names) != 1 else ''} ({', '.join(names)})?"):
        raise StackctlError("declined; nothing was changed")
    yield Started("down")
    compose = Compose(project, root, environ, keep_open=(held.descriptor,))
    compose.check()
    done = compose.down()
    if done.exit_code:
        yield Finished("down", ok=False)
        raise explained(done, "docker compose down")
    _forget(root)
    yield Finished("down")
    return Ended(DownAnswer(containers, networks))


def _forget(root: Path) -> None:
    """No run has left anything behind any more, and no container holds what a good state keeps for it."""
    secrets.remove_all(root)
    good.forget_values(root)
    journal.forget(root)


def _rendered_name(root: Path) -> str:
    """The name that the committed Compose file states, where stack.yaml cannot be read."""
    path = root / COMPOSE_FILE
    document = plain(path.read_text(errors="replace")) if path.is_file() else None
    name = document.get("name") if isinstance(document, dict) else None
    return name if isinstance(name, str) else ""
