"""Which of the stack's edges serves: the one that stack.yaml names. The others rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from stackctl.model import Edge, Kind, Spoke, Stanza
from stackctl.read.images import edge_of


def chosen(spokes: Iterable[Spoke], edge: Edge) -> tuple[tuple[Spoke, ...], tuple[Spoke, ...]]:
    """The spokes of the stack, and the edges that rest.

    A spoke that waits for a resting edge waits for the one that serves instead. An edge of an unknown
    image is nobody's but its operator's, so it stays.
    """
    spokes = tuple(spokes)
    resting = tuple(s for s in spokes if s.kind is Kind.EDGE and edge_of(s.image) not in (edge, None))
    if edge is Edge.NONE or not resting:
        return spokes, ()
    serving = next((s.name for s in spokes if s.kind is Kind.EDGE and s not in resting), "")
    names = {s.name for s in resting}
    return tuple(_moved(s, names, serving) for s in spokes if s not in resting), resting


def _moved(spoke: Spoke, resting: set[str], serving: str) -> Spoke:
    stated: Stanza = spoke.service.get("depends_on") or {}
    if not resting & stated.keys():
        return spoke
    moved = {(serving if name in resting else name): how for name, how in stated.items()}
    moved.pop("", None)
    moved.pop(spoke.name, None)
    places = dict(spoke.places)
    for name in resting & stated.keys():
        places[("depends_on", serving)] = spoke.at("depends_on", name)
    return replace(spoke, service={**spoke.service, "depends_on": moved}, places=places)
