"""What applying a plan owes, on a real Engine: the state afterwards counts, not what was printed."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

from stackctl.apply import Interrupted, SpokeFailed
from stackctl.errors import Exit, StackctlError
from stackctl.events import Finished, Line, Started
from tests.full_service import SERVICE
from tests.scenarios.engine_room import wait_for
from tests.scenarios.small import SmallStack

pytestmark = pytest.mark.engine


def python(code: str, **more: Any) -> dict[str, Any]:
    return {"command": ["python", "-c", code], "init": True, **more}


STAYS = "import signal; print('up', flush=True); signal.pause()"
APP = python(STAYS, environment={"LEVEL": "info"})
HEALTHY = {"test": ["CMD", "python", "-c", "print('fine')"], "interval": "1s", "timeout": "5s", "retries": 2}
SICK = {**HEALTHY, "test": ["CMD", "python", "-c", "print('no answer'); raise SystemExit(1)"]}


def finished(events: list[Any]) -> list[tuple[str, str, str]]:
    return [(e.step, e.spoke, e.detail) for e in events if isinstance(e, Finished) and e.ok]


def test_from_nothing_everything_starts_in_the_order_of_its_dependencies(small: SmallStack) -> None:
    small.jobs = frozenset({"migrate"})
    small.set(
        app=python(
            STAYS,
            depends_on={
                "db": {"condition": "service_healthy"},
                "migrate": {"condition": "service_completed_successfully"},
            },
        ),
        db=python(STAYS, healthcheck=HEALTHY),
        migrate=python("print('migrated')", depends_on={"db": {"condition": "service_healthy"}}),
    )
    events = small.up()
    assert {*finished(events)} == {
        ("create", "db", "healthy"),
        ("create", "migrate", "done"),
        ("create", "app", "running"),
    }
    started = {c.spoke: c.inspect["State"]["StartedAt"] for c in small.observe().containers}
    assert sorted(started, key=started.__getitem__) == ["db", "migrate", "app"]
    assert small.verbs() == {"db": "nothing", "migrate": "nothing", "app": "nothing"}


def test_what_is_not_healthy_holds_back_who_waits_for_it_whoever_asks(small: SmallStack) -> None:
    small.set(
        app=python(STAYS, depends_on={"db": {"condition": "service_healthy"}}),
        db=python(STAYS, healthcheck=SICK),
    )
    with pytest.raises(SpokeFailed, match="unhealthy"):
        small.up()
    assert "app" not in {c.spoke for c in small.observe().containers}


def test_a_second_apply_does_nothing_and_starts_no_process(small: SmallStack, runs: list[Any]) -> None:
    small.set(app=APP, full={**SERVICE, "image": small.room.image("python")})
    small.up()
    before = {c.id for c in small.observe().containers}
    runs.clear()
    assert small.up() == []
    assert runs == []
    assert {c.id for c in small.observe().containers} == before


def plain_compose_changes(small: SmallStack) -> str:
    """The containers that a `docker compose up` on its own would still replace."""
    argv = small.compose().argv("up", "--detach", "--no-deps", *sorted(small.services))
    before = {c.id for c in small.observe().containers}
    small.room.docker(*argv[1:])
    return " ".join({c.id for c in small.observe().containers} ^ before)


def test_compose_alone_finds_nothing_to_do_afterwards(small: SmallStack) -> None:
    small.jobs = frozenset({"job"})
    on = {"condition": "service_started"}
    done = {"condition": "service_completed_successfully"}
    job = python("print('ran')", depends_on={"db": on})
    app = {**APP, "depends_on": {"db": on, "job": done}}
    small.set(db=APP, job=job, app=app)
    small.up()
    assert plain_compose_changes(small) == ""
    ran = small.observe().of_spoke("job")[0].inspect["State"]["StartedAt"]
    small.set(db=APP, job=job, app={**app, "environment": {"LEVEL": "debug"}})
    db = small.container("db")
    assert finished(small.up()) == [("recreate", "app", "running")]
    again = small.observe().of_spoke("job")[0].inspect["State"]["StartedAt"]
    assert again == ran, "the job did not run again"
    assert small.container("db") == db
    assert plain_compose_changes(small) == ""


def test_a_dependency_that_compose_holds_for_out_of_date_is_still_left_alone(small: SmallStack) -> None:
    app = {**APP, "depends_on": {"db": {"condition": "service_started"}}}
    small.set(db=APP, app=app)
    small.up()
    db = small.container("db")
    small.set(db={**APP, "environment": {"LEVEL": "debug"}}, app={**app, "environment": {}})
    assert finished(small.up(only=("app",))) == [("recreate", "app", "running")]
    assert small.container("db") == db


def test_a_changed_variable_recreates_that_spoke_alone_and_says_why(small: SmallStack) -> None:
    small.set(app=APP, other=APP)
    small.up()
    app, other = small.container("app"), small.container("other")
    small.set(app={**APP, "environment": {"LEVEL": "debug"}}, other=APP)
    causes = small.causes("app")
    assert causes[0] == ("you", "environment.LEVEL")
    assert {who for who, _ in causes} == {"you"}
    assert finished(small.up()) == [("recreate", "app", "running")]
    assert small.container("other") == other
    assert small.container("app") != app
    assert "LEVEL=debug" in small.observe().of_spoke("app")[0].inspect["Config"]["Env"]


def test_what_the_host_changed_is_found_and_put_right(small: SmallStack) -> None:
    small.set(app=python(STAYS, mem_limit="64m", restart="unless-stopped"))
    small.up()
    docker, app, network = small.room.docker, small.container("app"), f"{small.project}_proxy"

    docker("stop", "--time", "1", app)
    assert (small.verbs()["app"], small.causes("app")) == ("start", [("the host", "state")])
    small.up()
    assert small.container("app") == app

    docker("network", "disconnect", network, app)
    assert (small.verbs()["app"], small.causes("app")) == ("recreate", [("the host", f"networks.{network}")])
    docker("network", "connect", network, app)
    assert small.causes("app") == [("the host", f"networks.{network}")], "its name does not resolve any more"
    small.up()

    app = small.container("app")
    docker("update", "--restart", "no", "--memory", "32m", "--memory-swap", "64m", app)
    assert small.causes("app") == [("the host", "mem_limit"), ("the host", "restart")]
    docker("pause", app)
    assert ("the host", "state") in small.causes("app")
    small.up()
    assert small.verbs() == {"app": "nothing"}

    docker("rm", "--force", small.container("app"))
    assert small.verbs() == {"app": "create"}


def test_an_image_that_was_built_anew_under_its_name_is_the_hosts_doing(
    small: SmallStack, tmp_path: Any
) -> None:
    name = f"{small.project}:1"

    def build(word: str) -> None:
        (tmp_path / "Dockerfile").write_text(f"FROM {small.room.image('python')}\nENV WORD={word}\n")
        labels = [f"--label={key}={value}" for key, value in small.room.labels.items()]
        small.room.docker("build", "--quiet", *labels, "--tag", name, str(tmp_path))

    build("one")
    small.set(app={**APP, "image": name})
    small.up()
    build("two")
    assert (small.verbs()["app"], small.causes("app")) == ("recreate", [("the host", "image")])
    small.up()
    assert small.verbs() == {"app": "nothing"}


def test_a_spoke_whose_file_is_gone_is_removed_by_id_and_its_volume_stays(small: SmallStack) -> None:
    volume = {"type": "volume", "source": "data", "target": "/data"}
    small.set(app=APP, gone=python(STAYS, volumes=[volume]))
    small.up()
    small.set(app=APP)
    assert small.verbs() == {"gone": "remove", "app": "nothing"}
    small.up(remove=False)
    assert small.observe().of_spoke("gone")
    assert finished(small.up()) == [("remove", "gone", "")]
    assert small.observe().of_spoke("gone") == ()
    assert small.room.docker("volume", "inspect", f"{small.project}_data")


def test_a_failed_job_runs_again(small: SmallStack) -> None:
    small.jobs = frozenset({"job"})
    code = (
        "import pathlib, sys\np = pathlib.Path('/data/seen')\n"
        "found = p.exists()\np.touch()\nsys.exit(not found)"
    )
    small.set(job=python(code, volumes=[{"type": "volume", "source": "data", "target": "/data"}]))
    with pytest.raises(SpokeFailed, match="job exited with code 1"):
        small.up()
    assert (small.verbs()["job"], small.causes("job")) == ("start", [("the host", "exit code")])
    assert finished(small.up()) == [("start", "job", "done")]


# ---- failures


def test_a_container_that_dies_is_named_with_its_last_lines(small: SmallStack) -> None:
    code = "for i in range(30): print('line', i)\nraise SystemExit(3)"
    small.set(
        app=APP,
        broken=python(code),
        late=python(STAYS, depends_on={"broken": {"condition": "service_started"}}),
    )
    with pytest.raises(SpokeFailed) as failure:
        small.up()
    error = failure.value
    assert (error.spoke, error.message, error.exit_code) == (
        "broken",
        "broken exited with code 3",
        Exit.FAILED,
    )
    assert error.log == tuple(f"line {i}" for i in range(10, 30))
    assert "line 29" in error.detail
    assert small.observe().of_spoke("late") == (), "nothing is started on a broken foundation"


def test_a_container_that_keeps_dying_is_given_up_though_docker_restarts_it(small: SmallStack) -> None:
    small.set(broken=python("raise SystemExit(4)", restart="unless-stopped"))
    with pytest.raises(SpokeFailed, match="broken exited with code 4, 3 times over"):
        small.up()


def test_a_container_that_comes_up_at_the_second_try_is_no_failure(small: SmallStack) -> None:
    code = (
        "import pathlib, signal, sys\np = pathlib.Path('/data/seen')\n"
        "if not p.exists():\n p.touch(); sys.exit(1)\nsignal.pause()"
    )
    volume = {"type": "volume", "source": "data", "target": "/data"}
    small.set(app=python(code, restart="unless-stopped", volumes=[volume]))
    assert finished(small.up()) == [("create", "app", "running")]


def test_an_unhealthy_container_is_named_with_what_its_probe_said(small: SmallStack) -> None:
    small.set(sick=python(STAYS, healthcheck=SICK))
    with pytest.raises(SpokeFailed) as failure:
        small.up()
    assert failure.value.message == "sick is unhealthy; its last probe said: no answer"
    assert failure.value.log == ("up",)


def test_a_missing_stand_in_is_not_looked_for_in_a_registry(small: SmallStack, runs: list[Any]) -> None:
    small.set(app={**APP, "image": "stackctl.local/nowhere:1"})
    with pytest.raises(
        StackctlError, match=r"app: the stand-in image stackctl\.local/nowhere:1 is not on this"
    ):
        small.up()
    assert [argv for argv in runs if "pull" in argv or "up" in argv] == []


def test_an_image_that_no_registry_has_is_one_sentence_with_a_hint(small: SmallStack) -> None:
    small.set(app={**APP, "image": "127.0.0.1:9/nowhere:1"})
    with pytest.raises(StackctlError) as failure:
        small.up()
    assert failure.value.message == "app: the registry 127.0.0.1:9 cannot be reached"
    assert failure.value.hint
    assert small.observe().containers == ()


def test_a_taken_port_is_one_sentence_with_a_hint(small: SmallStack) -> None:
    port = {"target": 80, "host_ip": "127.0.0.1", "protocol": "tcp"}
    small.set(first={**APP, "ports": [port]})
    small.up()
    taken = small.observe().of_spoke("first")[0].ports[0].published
    small.set(first={**APP, "ports": [port]}, second={**APP, "ports": [{**port, "published": taken}]})
    with pytest.raises(SpokeFailed) as failure:
        small.up()
    assert failure.value.message == f"second: the port 127.0.0.1:{taken} is already taken on this host"
    assert "ss -ltnp" in failure.value.hint


def test_a_missing_path_of_the_host_is_not_made_up(small: SmallStack) -> None:
    nowhere = "/nowhere/at/all"
    mount = {"type": "bind", "source": nowhere, "target": "/x", "bind": {"create_host_path": False}}
    small.set(app={**APP, "volumes": [mount]})
    with pytest.raises(SpokeFailed, match=f"app: the host has no {nowhere} to mount"):
        small.up()
    assert not os.path.exists(nowhere)


def test_a_wrong_command_is_told_as_the_engine_tells_it(small: SmallStack) -> None:
    small.set(app={"command": ["no-such-program"]})
    with pytest.raises(SpokeFailed, match=r"app.*no-such-program"):
        small.up()


def test_an_engine_that_went_away_is_no_reason_to_try_anything(small: SmallStack, tmp_path: Any) -> None:
    small.set(app=APP)
    small.environment["DOCKER_HOST"] = f"unix://{tmp_path}/gone.sock"
    with pytest.raises(StackctlError, match="the Docker Engine does not answer"):
        small.up()
    assert small.observe().containers == ()


# ---- interruption


def test_an_interrupted_run_says_what_was_applied_and_can_be_continued(small: SmallStack) -> None:
    slow = {**HEALTHY, "interval": "60s"}
    small.set(
        first=APP,
        second=python(STAYS, healthcheck=slow, depends_on={"first": {"condition": "service_started"}}),
        third=python(STAYS, depends_on={"second": {"condition": "service_started"}}),
    )

    def interrupt() -> None:
        wait_for(lambda: small.room.docker("ps", "-q", "--filter", f"name={small.project}-second-"))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(Interrupted) as interrupted:
        small.up()
    thread.join()
    assert interrupted.value.exit_code == Exit.INTERRUPTED
    assert interrupted.value.applied == ("first",)
    assert interrupted.value.begun == ("second",)
    assert interrupted.value.left == ("third",)
    assert "created, not waited for: second; not finished: third" in interrupted.value.message
    small.set(first=APP, second=python(STAYS), third=APP)
    small.up()
    assert set(small.verbs().values()) == {"nothing"}


def test_every_step_that_started_is_finished_also_beside_a_failure(small: SmallStack) -> None:
    small.set(app=APP, broken=python("print('bye'); raise SystemExit(1)"))
    events: list[Any] = []
    with pytest.raises(SpokeFailed):
        small.up(into=events)
    begun = [e.spoke for e in events if isinstance(e, Started)]
    ended = {e.spoke: e.ok for e in events if isinstance(e, Finished)}
    assert begun == ["app", "broken"]
    assert ended == {"app": True, "broken": False}
    assert [e for e in events if isinstance(e, Line)] == [Line("broken", "bye")]


def test_all_that_failed_together_is_told_together(small: SmallStack) -> None:
    small.set(a=python("raise SystemExit(1)"), b=python("raise SystemExit(2)"))
    with pytest.raises(SpokeFailed) as failure:
        small.up()
    assert sorted(failure.value.message.split("; ")) == ["a exited with code 1", "b exited with code 2"]
