"""Changes what runs, through `docker compose` and nothing else.

Compose carries out; it does not decide. Each call names its services and says whether they are replaced.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from stackctl import process
from stackctl.errors import StackctlError
from stackctl.model import NOTHING
from stackctl.process import Completed

OLDEST = (2, 26)
"""The oldest Compose whose keys and merge rules (`!override`) a rendered stack relies on."""

FILES = ("docker-compose.yml", "docker-compose.override.yml")

_SETTINGS = {
    # A person's settings for other projects must not decide here; an `.env` may carry them too, so they
    # are overruled, not only left out.
    "COMPOSE_PROFILES": "",
    "COMPOSE_REMOVE_ORPHANS": "false",
    "COMPOSE_IGNORE_ORPHANS": "true",
    "COMPOSE_MENU": "false",
}
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")
_PLAIN = ("--progress", "plain", "--ansi", "never")
_QUICK, _SLOW = 60.0, 3600.0


def check_ahead(directory: Path, environment: Mapping[str, str]) -> Future[str]:
    """Begins what `Compose.check` does, to be waited for when Compose is needed."""
    checked: Future[str] = Future()

    def ask() -> None:
        try:
            checked.set_result(Compose("", directory, environment).check())
        except Exception as error:
            checked.set_exception(error)

    # A daemon, unlike an executor's: a run that ends before it needs Compose does not wait for it.
    threading.Thread(target=ask, name="compose-version", daemon=True).start()
    return checked


@dataclass(frozen=True)
class Compose:
    """One Compose project: its name, its folder, and the environment with every variable resolved."""

    project: str
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    redact: tuple[str, ...] = field(default=(), repr=False)
    """Secrets that must not stand in anything that is kept of a run."""
    keep_open: tuple[int, ...] = ()
    """Open files that every process here inherits: the lock outlives a run that is killed."""
    checked: Future[str] | None = None
    """The version, where it was asked for ahead."""

    def check(self) -> str:
        """The version of Compose; raises StackctlError where it is missing or too old."""
        if self.checked is not None:
            return self.checked.result()
        hint = f"install Docker's Compose plugin, version {'.'.join(map(str, OLDEST))} or newer"
        done = self._run(("docker", "compose", "version", "--short"), _QUICK)
        said = done.stdout.strip().removeprefix("v")
        numbers = re.match(r"(\d+)\.(\d+)", said)
        if done.exit_code or numbers is None:
            missing = "unknown flag" in done.output or "is not a docker command" in done.output
            what = "Docker has no Compose plugin here" if missing else "`docker compose` does not work here"
            raise StackctlError(what, hint, done.detail)
        if (int(numbers[1]), int(numbers[2])) < OLDEST:
            raise StackctlError(f"`docker compose` is version {said}, which is too old", hint, done.detail)
        return said

    def of_what_runs(self, verb: str, *rest: str) -> tuple[str, ...]:
        """A command line for the containers that are there; it needs no file, however broken they are."""
        # Compose reads an `.env` where it is started, if it is not told another.
        return (
            *("docker", "compose", *_PLAIN, "--env-file", os.devnull),
            *("--project-name", self.project, verb, *rest),
        )

    def argv(self, verb: str, *rest: str, profiles: Sequence[str] = ("*",)) -> tuple[str, ...]:
        """The whole command line. Every profile is on, because each call names its services itself."""
        files = [self.directory / name for name in FILES]
        given = [files[0], *(path for path in files[1:] if path.exists())]
        return (
            *("docker", "compose", *_PLAIN),
            *("--project-name", self.project, "--project-directory", str(self.directory)),
            *(word for path in given for word in ("--file", str(path))),
            *(word for profile in profiles for word in ("--profile", profile)),
            *(verb, *rest),
        )

    def up(self, services: Iterable[str], *, recreate: bool, scale: Mapping[str, int] = NOTHING) -> Completed:
        """Create and start exactly these; with `recreate` replace those that exist, else keep them."""
        how = "--force-recreate" if recreate else "--no-recreate"
        options = ("--detach", "--no-deps", how, "--no-build", "--pull", "never", *_scaled(scale))
        return self._change("up", *options, *services)

    def create(
        self, services: Iterable[str], *, recreate: bool, scale: Mapping[str, int] = NOTHING
    ) -> Completed:
        """As `up`, but with what these depend on in view, and without starting anything.

        `scale` says how many containers there shall be in all; never fewer than there are, as Compose would
        then choose which of them goes.
        """
        how = "--force-recreate" if recreate else "--no-recreate"
        return self._change("create", how, "--no-build", "--pull", "never", *_scaled(scale), *services)

    def hashes(self) -> dict[str, str]:
        """Per service, the hash by which Compose tells whether a container is out of date."""
        done = self._run(self.argv("config", "--hash", "*"), _QUICK)
        said = done.expect_success("Compose cannot read the rendered files").stdout
        return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)

    def pull(self, services: Iterable[str]) -> Completed:
        return self._change("pull", "--quiet", *services)

    def build(self, services: Iterable[str]) -> Completed:
        return self._change("build", "--quiet", *services)

    def down(self) -> Completed:
        """Stop and remove every container and network of the project; volumes stay."""
        return self._run(self.of_what_runs("down"), _SLOW)

    def stop(self, services: Iterable[str]) -> Completed:
        return self._run(self.of_what_runs("stop", *services), _SLOW)

    def restart(self, services: Iterable[str]) -> Completed:
        return self._run(self.of_what_runs("restart", "--no-deps", *services), _SLOW)

    def halt(self, containers: Sequence[str]) -> Completed:
        """Stop containers by id; they stay."""
        return self._run(("docker", "container", "stop", *containers), _SLOW)

    def rename(self, container: str, name: str) -> Completed:
        return self._run(("docker", "container", "rename", container, name), _QUICK)

    def remove_network(self, name: str) -> Completed:
        """Fails where somebody still sits on it."""
        return self._run(("docker", "network", "rm", name), _QUICK)

    def remove(self, containers: Sequence[str]) -> Completed:
        """Stop and remove containers by id, not by service: a service may have others. Volumes stay."""
        stopped = self._run(("docker", "container", "stop", *containers), _SLOW)
        if stopped.exit_code:
            return stopped
        return self._run(("docker", "container", "rm", *containers), _QUICK)

    def exec(self, container: str, command: Sequence[str]) -> Completed:
        """Runs a command in a container, by its id, as the container's own user."""
        return self._run(("docker", "exec", container, *command), _QUICK)

    def docker(
        self, *words: str, source: BinaryIO | None = None, target: BinaryIO | None = None
    ) -> Completed:
        """One call of the `docker` command on containers by their ids, with bytes from and to files."""
        return process.through(
            ("docker", *words),
            source=source,
            target=target,
            env=self._environment(),
            cwd=self.directory,
            redact=self.redact,
            keep_open=self.keep_open,
        )

    def config(self) -> Any:
        """The merged and interpolated document. As Compose prints it, `$$` still stands for one `$`."""
        done = self._run(self.argv("config", "--format", "json"), _QUICK)
        return json.loads(done.expect_success("Compose cannot read the rendered files").stdout)

    def logs(
        self, services: Iterable[str], *, follow: bool = False, tail: int | None = None
    ) -> Iterator[tuple[str, str]]:
        """What the containers of these services wrote, as (service, line); with `follow` as it comes."""
        options = (*(("--follow",) if follow else ()), *(("--tail", str(tail)) if tail is not None else ()))
        argv = self.of_what_runs("logs", "--no-color", *options, *services)
        said = process.lines(argv, env=self._environment(), cwd=self.directory, redact=self.redact)
        try:
            for line in said:
                # Compose prints sequences that clear the line, and a container may print any that it likes.
                container, bar, text = _CONTROL.sub("", line).partition("|")
                yield (re.sub(r"-\d+$", "", container.strip()), text.removeprefix(" ")) if bar else ("", line)
        except StackctlError:
            # Compose itself may be what is wrong; asking first would cost more than most calls take.
            self.check()
            raise

    def _change(self, verb: str, *rest: str) -> Completed:
        return self._run(self.argv(verb, *rest), _SLOW)

    def _run(self, argv: Sequence[str], timeout: float) -> Completed:
        return process.run(
            argv,
            env=self._environment(),
            cwd=self.directory,
            timeout=timeout,
            redact=self.redact,
            keep_open=self.keep_open,
        )

    def _environment(self) -> dict[str, str]:
        return {**self.environment, **_SETTINGS}


def _scaled(scale: Mapping[str, int]) -> Iterator[str]:
    for name, count in scale.items():
        yield from ("--scale", f"{name}={count}")
