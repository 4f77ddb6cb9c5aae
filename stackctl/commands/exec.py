"""`stackctl exec`: a command inside a spoke's container."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stackctl import process
from stackctl.commands.opened import compose_for, look_at_host, named, open_stack
from stackctl.commands.story import Ended, ExecAnswer, Story
from stackctl.engine import Engine
from stackctl.errors import StackctlError
from stackctl.observe import observe


def exec(
    root: Path,
    spoke: str,
    command: tuple[str, ...],
    *,
    user: str,
    attached: bool,
    terminal: bool,
    environ: Mapping[str, str],
) -> Story:
    """Runs it with our standard streams where `attached`, else keeps what it said; ends with its exit code.

    Raises:
        StackctlError: The spoke does not run.
    """
    opened = open_stack(root)
    view = look_at_host(opened, environ)
    named(opened, (spoke,))
    running = observe(Engine.connect(environ), opened.stack.name).running(spoke)
    if running is None:
        raise StackctlError(f"{spoke} does not run", f"start it: `stackctl up {spoke}`")
    compose = compose_for(opened, view, environ)
    how = (*(() if terminal else ("--no-TTY",)), *(("--user", user) if user else ()))
    argv = compose.argv("exec", *how, spoke, *command)
    env = compose.environment
    yield from ()
    if attached:
        return Ended(ExecAnswer(spoke, command), process.attached(argv, env=env, cwd=root))
    done = process.run(argv, env=env, cwd=root, redact=view.redact)
    return Ended(ExecAnswer(spoke, command, done.stdout, done.stderr), done.exit_code)
