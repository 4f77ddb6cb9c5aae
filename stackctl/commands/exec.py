"""`stackctl exec`: a command inside a spoke's container."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stackctl import process
from stackctl.commands.acting import act_on
from stackctl.commands.story import Ended, ExecAnswer, Story
from stackctl.errors import StackctlError
from stackctl.observe import containers_of


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
    acting = act_on(root, environ, (spoke,))
    if not any(c.running for c in containers_of(acting.engine, acting.stack.name, (spoke,))):
        raise StackctlError(f"{spoke} does not run", f"start it: `stackctl up {spoke}`")
    how = (*(() if terminal else ("--no-TTY",)), *(("--user", user) if user else ()))
    argv = acting.compose.of_what_runs("exec", *how, spoke, *command)
    env = acting.compose.environment
    yield from ()
    if attached:
        return Ended(ExecAnswer(spoke, command), process.attached(argv, env=env, cwd=root))
    done = process.run(argv, env=env, cwd=root, redact=acting.compose.redact)
    return Ended(ExecAnswer(spoke, command, done.stdout, done.stderr), done.exit_code)
