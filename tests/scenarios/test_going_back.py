"""Where a change fails, what ran before runs again and is verified again; or the screen says what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.engine_room import EngineRoom, wait_for
from tests.scenarios.written import STAYS, WrittenStack, dying, health, python

pytestmark = [pytest.mark.engine, pytest.mark.slow]

GOOD = python(environment={"LEVEL": "info"}, healthcheck=health())
SERVES = (
    "import http.server, os\n"
    "class H(http.server.BaseHTTPRequestHandler):\n"
    " def do_GET(self): self.send_response(int(os.environ['STATUS'])); self.end_headers()\n"
    " def log_message(self, *_): pass\n"
    "http.server.HTTPServer(('', 8000), H).serve_forever()"
)


def serving(status: int, **more: Any) -> dict[str, Any]:
    check = {"title": "it answers", "request": "http://app:8000/", "from": "proxy", "expect": {"status": 200}}
    return python(SERVES, environment={"STATUS": str(status)}, checks=[check], **more)


def levels(own: WrittenStack, spoke: str = "app") -> list[str]:
    env = json.loads(own.docker("inspect", "-f", "{{json .Config.Env}}", own.container(spoke)))
    return [value for value in env if value.startswith(("LEVEL=", "STATUS="))]


def state(own: WrittenStack, spoke: str = "app") -> str:
    form = "{{.State.Status}} {{with .State.Health}}{{.Status}}{{end}}"
    return own.docker("inspect", "-f", form, own.container(spoke)).strip()


def up(own: WrittenStack, *words: str) -> Any:
    return own.run("up", "--yes", "--no-verify", *words)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({**GOOD, "environment": {"LEVEL": "debug"}, "healthcheck": health(good=False)}, "app is unhealthy"),
        (dying(3, environment={"LEVEL": "debug"}), "app exited with code 3"),
        (
            {**GOOD, "command": ["no-such-program"], "init": False, "environment": {"LEVEL": "debug"}},
            "no-such-program",
        ),
    ],
    ids=["unhealthy", "exits", "does not start"],
)
def test_what_fails_is_undone_and_never_returns_0(
    own: WrittenStack, room: EngineRoom, broken: dict[str, Any], said: str
) -> None:
    own.write(room, app=GOOD, other=GOOD)
    assert up(own).returncode == 0
    other = own.container("other")
    own.write(room, app=broken)
    for _ in range(2):
        done = up(own)
        assert done.returncode == 5, done.stderr
        assert said in done.stderr
        assert "runs again" in done.stderr
        assert (levels(own), state(own)) == (["LEVEL=info"], "running healthy")
        assert own.container("other") == other
        assert not (own.root / ".stackctl" / "journal").exists()
    own.write(room, app=GOOD)
    assert own.run("plan", "--check").returncode == 0, "what runs again is exactly what ran before"


def test_a_failed_check_that_passed_before_is_undone_and_a_red_one_elsewhere_is_not(
    own: WrittenStack, room: EngineRoom
) -> None:
    own.write(room, app=serving(200), other=GOOD)
    done = own.run("up", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    own.write(room, app=serving(500))
    done = own.run("up", "--yes")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "what held before does not hold any more: app: CK401 it answers" in " ".join(done.stderr.split())
    assert levels(own) == ["STATUS=200"]
    # Of its own accord, and never with a 200 before.
    own.write(
        room,
        app={
            **serving(200),
            "checks": [{**serving(200)["checks"][0], "title": "it made it", "expect": {"status": 201}}],
        },
    )
    done = own.run("up", "--yes")
    assert done.returncode == 8, done.stdout + done.stderr
    done = own.run("up", "--yes", "--no-verify")
    assert done.returncode == 8, "not to ask again is no way to a green run"
    assert "app did not hold when it was checked last" in " ".join(done.stderr.split())
    own.write(room, other={**GOOD, "environment": {"LEVEL": "debug"}})
    done = own.run("up", "--yes")
    assert done.returncode == 8, "a check that was red before is no reason to undo a change elsewhere"
    assert levels(own, "other") == ["LEVEL=debug"]


def test_a_check_that_nobody_ever_asked_before_the_change_is_no_less_a_reason(
    own: WrittenStack, room: EngineRoom
) -> None:
    """Nobody knows whether it held: what runs again is asked, and from then on somebody knows."""
    own.write(room, app=serving(200))
    assert up(own).returncode == 0
    own.write(room, app=serving(500))
    done = own.run("up", "--yes")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "runs again and was verified" in " ".join(done.stderr.split())
    assert levels(own) == ["STATUS=200"]


def test_a_spoke_that_somebody_stopped_is_no_reason_to_undo_the_change_of_another(
    own: WrittenStack, room: EngineRoom
) -> None:
    asks = {"title": "app answers", "request": "http://app:8000/", "from": "proxy", "expect": {"status": 200}}
    own.write(room, app=serving(200), other={**GOOD, "checks": [asks]}, later={**GOOD, "profiles": ["later"]})
    done = own.run("up", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert own.run("stop", "app").returncode == 0
    changed = {**GOOD, "environment": {"LEVEL": "debug"}, "checks": [asks]}
    own.write(room, other=changed)
    done = own.run("up", "other", "--yes")
    assert done.returncode == 8, done.stdout + done.stderr
    assert levels(own, "other") == ["LEVEL=debug"]
    # Of what never ran, nothing held; that the last good state knows its files is not enough.
    own.write(room, later={**GOOD, "profiles": ["later"], "checks": [{**asks, "request": "http://later:1/"}]})
    done = own.run("up", "later", "--yes")
    assert done.returncode == 8, done.stdout + done.stderr
    assert state(own, "later") == "running healthy"


def test_what_dies_later_than_it_counts_as_started_is_undone(own: WrittenStack, room: EngineRoom) -> None:
    """Here it dies of the first request that it gets, which is that of its check."""
    own.write(room, app=serving(200))
    assert up(own).returncode == 0
    once = SERVES.replace("serve_forever()", "handle_request(); raise SystemExit(3)")
    own.write(room, app={**serving(200), "command": ["python", "-c", once], "restart": "no"})
    done = own.run("up", "--yes")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "app exited with code 3" in done.stderr
    assert (levels(own), state(own).strip()) == (["STATUS=200"], "running")


def test_what_does_not_hold_is_not_kept_as_good(own: WrittenStack, room: EngineRoom) -> None:
    own.write(room, app=serving(200))
    assert own.run("up", "--yes").returncode == 0
    new = {**serving(200)["checks"][0], "title": "it made it", "expect": {"status": 201}}
    own.write(room, app={**serving(200), "environment": {"STATUS": "200", "LEVEL": "red"}, "checks": [new]})
    done = own.run("up", "--yes")
    assert done.returncode == 8, done.stdout + done.stderr
    assert "app: its checks do not hold, so it is not kept as good" in " ".join(done.stderr.split())
    own.write(room, app=dying(3))
    done = up(own)
    assert done.returncode == 5, done.stderr
    assert levels(own) == ["STATUS=200"], "the last state of which nothing was known to be wrong"


def test_an_image_that_cannot_be_pulled_changes_nothing(own: WrittenStack, room: EngineRoom) -> None:
    own.write(room, app=GOOD)
    assert up(own).returncode == 0
    before, compose = own.container("app"), (own.root / "docker-compose.yml").read_bytes()
    own.write(room, app={**GOOD, "image": "127.0.0.1:9/nowhere:1"})
    done = up(own)
    assert done.returncode == 1
    assert own.container("app") == before
    assert (own.root / "docker-compose.yml").read_bytes() == compose
    assert not (own.root / ".stackctl" / "journal").exists()


def test_a_first_run_that_fails_is_stopped_and_kept_and_tried_again(
    own: WrittenStack, room: EngineRoom
) -> None:
    sick = python(STAYS, healthcheck=health(good=False))
    own.write(room, app=sick)
    for _ in range(2):
        done = up(own)
        assert done.returncode == 1, done.stderr
        assert "nothing to go back to" in " ".join(done.stderr.split())
        assert state(own).startswith("exited")
    own.write(room, app=GOOD)
    assert up(own).returncode == 0


def test_a_new_spoke_that_fails_is_stopped_and_the_others_run_as_before(
    own: WrittenStack, room: EngineRoom
) -> None:
    own.write(room, app=GOOD)
    assert up(own).returncode == 0
    own.write(room, app={**GOOD, "environment": {"LEVEL": "debug"}}, new=dying(1))
    done = up(own)
    assert done.returncode == 5, done.stderr
    assert levels(own) == ["LEVEL=info"]
    assert state(own, "new").startswith("exited")


def test_what_turns_sick_by_itself_does_not_return_0(own: WrittenStack, room: EngineRoom) -> None:
    test = ["CMD", "python", "-c", "open('/tmp/well')"]
    own.write(
        room,
        app=python(
            "import signal; open('/tmp/well', 'w'); signal.pause()",
            healthcheck={**health(), "test": test},
            tmpfs=["/tmp"],
        ),
    )
    assert up(own).returncode == 0
    own.docker("exec", own.container("app"), "python", "-c", "import os; os.unlink('/tmp/well')")
    wait_for(lambda: state(own) == "running unhealthy", 120)
    done = up(own)
    assert (done.returncode, "app is unhealthy" in done.stderr) == (8, True)


def test_what_is_gone_back_on_may_lean_on_a_spoke_with_a_secret(own: WrittenStack, room: EngineRoom) -> None:
    (own.root / "password").write_text("correct horse\n")
    own.settings(room, secret_sources={"password": {"file": "password"}})
    own.write(
        room,
        db=python(secrets=["password"], healthcheck=health()),
        app={**GOOD, "depends_on": {"db": {"condition": "service_healthy"}}},
    )
    assert up(own).returncode == 0
    before = own.container_ids()
    own.write(room, app=dying(3, depends_on={"db": {"condition": "service_healthy"}}))
    done = up(own)
    assert done.returncode == 5, done.stdout + done.stderr
    assert levels(own) == ["LEVEL=info"]
    assert own.container("db") == before["db"]


def test_an_owner_stays_where_what_lives_in_it_has_written_to_its_data(
    own: WrittenStack, room: EngineRoom
) -> None:
    newer = own.newer_image(room)

    def writes(level: str, image: str, **app: Any) -> None:
        own.write(room, owner=python(environment={"LEVEL": level}), app={**GOOD, **app})
        lives_in = {"image": image, "network_mode": "service:owner", "volumes": ["kept:/data"]}
        manifest = {**lives_in, **python(environment={"LEVEL": level})}
        (own.root / "spokes" / "inside.yaml").write_text(json.dumps(manifest))

    own.settings(room, volumes={"kept": {}})
    writes("info", room.image("python"))
    assert up(own).returncode == 0
    writes("debug", newer, **dying(3, environment={"LEVEL": "debug"}, depends_on={"inside": {}}))
    done = up(own)
    told = " ".join(done.stderr.split())
    assert done.returncode == 5, done.stdout + done.stderr
    assert "inside stays as it is: its new version has written to its data already" in told
    assert "owner stays as it is: others follow it" in told
    assert [levels(own, name) for name in ("owner", "inside")] == [["LEVEL=debug"]] * 2
    assert levels(own) == ["LEVEL=info"]
