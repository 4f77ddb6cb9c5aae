"""An earlier state on demand; what was done is listed; and whoever wants to know is told of a bad end."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.engine_room import EngineRoom
from tests.scenarios.test_going_back import GOOD, levels, serving, up
from tests.scenarios.written import WrittenStack, health, python

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def app(level: str) -> dict[str, object]:
    return {**GOOD, "environment": {"LEVEL": level}}


def test_there_and_back_of_the_stack_and_of_one_spoke(own: WrittenStack, room: EngineRoom) -> None:
    for level in ("one", "two"):
        own.write(room, app=app(level), other=app(level))
        assert up(own).returncode == 0
    document = own.json("history")
    assert [(run["came"], run["good"]) for run in document["runs"]] == [("applied", 1), ("applied", 2)]
    assert document["runs"][1]["changes"] == {"app": "recreate", "other": "recreate"}
    assert document["runs"][1]["by"]

    refused = own.run("rollback", "--no-verify")
    assert (refused.returncode, levels(own)) == (2, ["LEVEL=two"]), "it asks first"
    done = own.run("rollback", "app", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert (levels(own), levels(own, "other")) == (["LEVEL=one"], ["LEVEL=two"])
    assert "the next `stackctl up` applies it again" in " ".join(done.stderr.split())
    done = own.run("rollback", "--to", "1", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert (levels(own), levels(own, "other")) == (["LEVEL=one"], ["LEVEL=one"])

    assert own.run("plan", "--check").returncode == 7, "the files were not touched"
    assert up(own).returncode == 0
    assert (levels(own), levels(own, "other")) == (["LEVEL=two"], ["LEVEL=two"])
    told = own.run("history")
    assert "rollback: recreate app" in " ".join(told.stdout.split())


def test_what_the_stack_mounts_and_its_variables_come_back_too(own: WrittenStack, room: EngineRoom) -> None:
    conf, env = own.root / "conf" / "level", own.root / ".env"
    conf.parent.mkdir()
    mount = {"type": "bind", "source": "./conf", "target": "/conf", "read_only": True}
    reads = python(
        "import signal; print(open('/conf/level').read(), flush=True); signal.pause()",
        volumes=[mount],
        environment={"LEVEL": "${LEVEL}"},
        healthcheck={
            **health(),
            "test": ["CMD", "python", "-c", "assert 'bad' not in open('/conf/level').read()"],
        },
    )
    conf.write_text("one")
    env.write_text("LEVEL=a\n")
    own.write(room, app=reads)
    assert up(own).returncode == 0
    conf.write_text("bad")
    env.write_text("LEVEL=b\n")
    done = up(own)
    assert done.returncode == 5, done.stderr
    assert levels(own) == ["LEVEL=a"]
    assert own.docker("logs", own.container("app")).split() == ["one"]
    assert conf.read_text() == "bad", "the files of the folder are their owner's"
    kept = own.root / ".stackctl" / "good" / "1"
    assert (kept / "values.json").stat().st_mode & 0o777 == 0o600
    conf.write_text("two")
    assert up(own).returncode == 0
    assert own.docker("logs", own.container("app")).split() == ["two"]
    assert not (kept / "values.json").exists(), "only the newest state keeps values"
    own.run("down", "--yes")
    assert not list((own.root / ".stackctl" / "good").glob("*/values.json"))


def test_a_spoke_with_data_is_not_run_on_an_older_image_without_being_asked(
    own: WrittenStack, room: EngineRoom
) -> None:
    newer = own.newer_image(room)
    data = {"volumes": [{"type": "volume", "source": "data", "target": "/data"}]}
    out = own.root / "told.json"
    own.settings(room, volumes={"data": {}}, notify=["sh", "-c", f"cat > {out}"])
    own.write(room, db={**GOOD, **data}, app=GOOD)
    assert up(own).returncode == 0
    own.write(room, db={**GOOD, **data, "image": newer, "healthcheck": health(good=False)})
    for _ in range(3):
        done = up(own)
        said = " ".join(done.stderr.split())
        assert done.returncode == 6, said
        assert "db has written to its data already" in said
        assert "stackctl rollback" in said
        assert json.loads(out.read_text())["exit"] == 6
    assert "NEWER=1" in own.docker("inspect", "-f", "{{.Config.Env}}", own.container("db"))
    done = own.run("rollback", "--yes", "--no-verify")
    assert done.returncode == 0, done.stderr
    assert "an older version may not be able to read" in " ".join(done.stderr.split())
    assert "NEWER=1" not in own.docker("inspect", "-f", "{{.Config.Env}}", own.container("db"))


def test_a_bad_end_is_told_to_whoever_wants_to_know(own: WrittenStack, room: EngineRoom) -> None:
    out = own.root / "told.json"
    own.settings(room, notify=["sh", "-c", f"cat > {out}"])
    own.write(room, app=serving(200))
    assert own.run("up", "--yes").returncode == 0
    assert not out.exists()
    own.write(room, app={**serving(500)})
    done = own.run("up", "--yes")
    assert done.returncode == 5, done.stderr
    told = json.loads(out.read_text())
    assert (told["exit"], told["command"], told["stack"]) == (5, "up", own.name)
    out.unlink()
    own.docker("stop", "--time", "1", own.container("app"))
    assert own.run("verify").returncode == 8
    told = json.loads(out.read_text())
    assert (told["exit"], told["command"]) == (8, "verify")
    assert {"code": "CK401", "spoke": "app", "title": "it answers", "outcome": "unreachable"} in told[
        "checks"
    ]
    own.settings(room, notify=["false"])
    done = own.run("verify")
    assert (done.returncode, "nobody was notified" in " ".join(done.stderr.split())) == (8, True)


def test_records_by_spoke_and_fingerprint_and_what_is_stale(own: WrittenStack, room: EngineRoom) -> None:
    own.write(room, app=serving(200), other=GOOD)
    assert own.run("up", "--yes").returncode == 0
    assert own.json("records", "--stale")["stale"] == []
    own.write(room, app=serving(200, labels={"newer": "yes"}))
    stale = own.json("records", "--stale")["stale"]
    assert [(row["spoke"], row["state"]) for row in stale] == [("app", "stale")]
    assert stale[0]["passed_on"] != stale[0]["fingerprint"]
    (row,) = own.json("records", "app")["records"]
    assert (row["spoke"], row["current"], row["held"]) == ("app", False, True)
    with (own.root / ".stackctl" / "records.jsonl").open("a") as file:
        file.write('{"torn": ')
    done = own.run("records")
    assert (done.returncode, "is no record, and set aside" in " ".join(done.stderr.split())) == (0, True)
