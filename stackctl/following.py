"""Containers that live in the namespace of another one, and cannot stay once that one was made anew. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stackctl.model import Action, Cause, Container, Kind, Spoke, Verb, Who

_MODES = {"network_mode": "NetworkMode", "pid": "PidMode", "ipc": "IpcMode"}
_RUNS = ("running", "restarting", "paused")


def followed_by(
    spoke: Spoke, running: Mapping[str, Sequence[Container]], decided: Mapping[str, Action]
) -> Iterator[Cause]:
    """Why the spoke's containers must be made anew although they are as declared.

    `running` are the containers of all spokes, whatever their state; `decided` are the actions for those that
    it depends on. A container keeps the namespace that it began in: where the other one was replaced, or only
    stopped and started, it stays in one that nobody serves, and once it stops it cannot start again.
    """
    own = running.get(spoke.name, ())
    if not own or _is_done(spoke, own):
        return
    runs = any(container.state in _RUNS for container in own)
    for dependency in spoke.dependencies:
        action = decided.get(dependency.spoke)
        inside = dependency.spoke in spoke.lives_in.values()
        if action is None or not dependency.follows:
            continue
        if (
            (action.verb is Verb.RECREATE and (runs or inside))
            or (action.verb is Verb.CREATE and inside)
            or (action.verb is Verb.START and inside and runs)
        ):
            who = next((cause.who for cause in action.causes), Who.HOST)
            yield Cause(who, dependency.spoke, "", "made anew", spoke.at("depends_on", dependency.spoke))
            return
    for key, name in spoke.lives_in.items():
        there = running.get(name, ())
        if any(not _can_stay(container, key, there) for container in own):
            yield Cause(Who.HOST, key, f"a namespace of {name} that is gone", f"service:{name}")


def _is_done(spoke: Spoke, own: Sequence[Container]) -> bool:
    """A job that ran to its end is not run again for that, unless a timer is to start its container."""
    ended = all(container.state == "exited" and container.exit_code == 0 for container in own)
    return spoke.kind is Kind.JOB and not spoke.schedule and ended


def _can_stay(container: Container, key: str, others: Sequence[Container]) -> bool:
    if container.state in _RUNS:
        return is_inside(container, key, others)
    # It joins what the other one has by then, as long as that is the same container.
    return _mode(container, key) in [f"container:{other.id}" for other in others]


def is_inside(container: Container, key: str, others: Sequence[Container]) -> bool:
    """Whether it lives in the namespace that one of the others has now; `key` is the field that says so."""
    mode = _mode(container, key)
    return any(mode == f"container:{other.id}" and _began(other) <= _began(container) for other in others)


def sits_in_another(container: Container) -> bool:
    """Whether it has no network but that of another container, whichever that was."""
    return _mode(container, "network_mode").startswith("container:")


def _mode(container: Container, key: str) -> str:
    return str(container.inspect["HostConfig"].get(_MODES[key]) or "")


def _began(container: Container) -> str:
    # The Engine cuts zeros off the end of the fraction, so `Z` would stand where a digit could.
    return str(container.inspect["State"].get("StartedAt", "")).rstrip("Z")
