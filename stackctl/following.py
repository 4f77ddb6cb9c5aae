"""Containers that live in the namespace of another one, and cannot stay once that one was made anew. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from stackctl.model import Action, Cause, Container, Kind, Spoke, Verb, Who

_MODES = {"network_mode": "NetworkMode", "pid": "PidMode", "ipc": "IpcMode", "uts": "UTSMode"}


def followed_by(
    spoke: Spoke, running: Mapping[str, Sequence[Container]], decided: Mapping[str, Action]
) -> Iterator[Cause]:
    """Why the spoke's running containers must be made anew although they are as declared.

    `decided` are the actions for those that it depends on. A container keeps the namespace that it began in:
    where the other one was replaced, or only stopped and started, it stays in one that nobody serves.
    """
    own = [container for container in running.get(spoke.name, ()) if container.running]
    if not own or spoke.kind is Kind.JOB:
        return
    followed = [dependency.spoke for dependency in spoke.dependencies if dependency.follows]
    for name in followed:
        action = decided.get(name)
        if action is not None and action.verb in _anew(spoke, name):
            who = next((cause.who for cause in action.causes), Who.HOST)
            yield Cause(who, name, "", "made anew", spoke.at("depends_on", name))
            return
    for key, name in spoke.lives_in.items():
        if any(not is_inside(container, key, running.get(name, ())) for container in own):
            yield Cause(Who.HOST, key, f"a namespace of {name} that is gone", f"service:{name}")


def _anew(spoke: Spoke, name: str) -> tuple[Verb, ...]:
    """What must happen to another one so that this one follows: asked for, or in its namespace."""
    inside = name in spoke.lives_in.values()
    return (Verb.RECREATE, Verb.CREATE, Verb.START) if inside else (Verb.RECREATE,)


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
