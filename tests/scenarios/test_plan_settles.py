"""After `up`, a plan is empty, and only what must be made anew is: of generated stacks, on the Engine itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.generated import services
from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.forked import Fork
from tests.scenarios.small import SmallStack
from tests.scenarios.versions import WORDS, app
from tests.scenarios.written import WrittenStack, python

pytestmark = [pytest.mark.engine, pytest.mark.slow]

# Each of few stacks is many services: what takes time is the Engine.
few = settings(
    max_examples=4,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
Manifests = dict[str, dict[str, Any]]


def test_after_up_a_plan_is_empty_on_the_engine_too(small: SmallStack, room: EngineRoom) -> None:
    of_this_host = services(room.image("python"))

    @few
    @given(st.dictionaries(st.sampled_from("abcdefgh"), of_this_host, min_size=4, max_size=6))
    def settles(stack: dict[str, dict[str, Any]]) -> None:
        small.set(**stack)
        small.up()
        assert set(small.verbs().values()) == {"nothing"}, small.plan()

    settles()


JOB = {"kind": "job", "command": ["true"], "restart": "no"}
FEATURES: Mapping[str, st.SearchStrategy[Any]] = {
    "healthcheck": st.just(app()["healthcheck"]),
    "volumes": st.sampled_from([["./shared:/shared:ro"], ["./shared/one:/one:ro", "data:/data"]]),
    "secrets": st.just(["token"]),
    "environment": st.sampled_from([{"TOKEN": {"secret": "token"}}, {"HOST": "${WHERE:-here}"}]),
    "ports": st.just(["127.0.0.1::8000"]),
    "networks": st.sampled_from([["more"], ["more", "proxy"]]),
    "profiles": st.just(["core"]),
    "labels": st.just({"org.example.word": 'a $$ and a "quote"'}),
    "configs": st.just(["told"]),
}


@st.composite
def manifests(draw: st.DrawFn) -> Manifests:
    """Spokes of each kind, of which later ones may wait for earlier ones, or live in their networks."""
    found: Manifests = {}
    for name in "abcde":
        features = draw(st.fixed_dictionaries({}, optional=FEATURES))
        made = {**JOB, **features} if draw(st.booleans()) else python(**features)
        if made.get("kind") == "job":
            made.pop("healthcheck", None)
            made.pop("ports", None)
        if found and draw(st.booleans()):
            on = draw(st.sampled_from(sorted(found)))
            made["depends_on"] = {on: waited_for(found[on])}
            if on == "a" or "profiles" in found[on]:
                made["profiles"] = ["core"]
        found[name] = made
    # What waits for it stands in that profile already.
    found["a"]["profiles"] = ["core"]
    return found


def waited_for(manifest: Mapping[str, Any]) -> dict[str, str]:
    if manifest.get("kind") == "job":
        return {"condition": "service_completed_successfully"}
    return {"condition": "service_healthy" if "healthcheck" in manifest else "service_started"}


def said_otherwise(stack: Manifests) -> Manifests:
    """The same containers in another order, in another profile, and with one more to wait for."""
    first = {"a": waited_for(stack["a"])}
    waits = {
        name: {**made.get("depends_on", {}), **(first if name != "a" else {})} for name, made in stack.items()
    }
    more = {name: {"depends_on": on, "profiles": ["core", "other"]} for name, on in waits.items()}
    return {name: dict(reversed({**made, **more[name]}.items())) for name, made in reversed(stack.items())}


def test_after_up_a_plan_is_empty_and_what_says_the_same_otherwise_makes_nothing_anew(
    own: WrittenStack, room: EngineRoom
) -> None:
    (own.root / "shared").mkdir()
    (own.root / "shared" / "one").write_text("one\n")
    (own.root / "token").write_text("a token of the test\n")
    own.settings(room, networks={"more": {}}, secret_sources={"token": {"file": "token"}}, configs=TOLD)
    words = (*WORDS, "--allow-exposure", "--profile", "core")

    def up() -> None:
        code, said = Fork(own.root, words).ended()
        assert code == 0, said
        code, said = Fork(own.root, ("plan", "--check", "--profile", "core")).ended()
        assert code == 0, said

    @few
    @given(manifests())
    def settles(stack: Manifests) -> None:
        own.write(room, **stack)
        up()
        before = own.container_ids()
        assert before.keys() == stack.keys()
        own.write(room, **said_otherwise(stack))
        up()
        assert own.container_ids() == before

    settles()


TOLD = {"told": {"file": "shared/one"}}
