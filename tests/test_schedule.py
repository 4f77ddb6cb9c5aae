"""A time as cron writes it means the same as a systemd timer."""

from __future__ import annotations

import pytest

from stackctl.schedule import Schedule, cron_line, on_calendar, read, units


@pytest.mark.parametrize(
    ("text", "calendar"),
    [
        ("30 3 * * *", ("*-*-* 03:30:00",)),
        ("*/15 * * * *", ("*-*-* *:00,15,30,45:00",)),
        ("0 8-10 * * 1-5", ("Mon,Tue,Wed,Thu,Fri *-*-* 08,09,10:00:00",)),
        ("0 0 1 jan,JUL *", ("*-01,07-01 00:00:00",)),
        ("0 4 * * 7", ("Sun *-*-* 04:00:00",)),
        ("0 4 * * 5-7", ("Sun,Fri,Sat *-*-* 04:00:00",)),
        ("5/20 1 * * *", ("*-*-* 01:05,25,45:00",)),
        ("@weekly", ("Sun *-*-* 00:00:00",)),
        ("@hourly", ("*-*-* *:00:00",)),
    ],
)
def test_cron_and_systemd_say_the_same(text: str, calendar: tuple[str, ...]) -> None:
    assert on_calendar(read(text)) == calendar


def test_a_day_of_either_kind_is_a_day() -> None:
    """cron runs on the 13th and on every Friday, not only on a Friday the 13th."""
    assert on_calendar(read("0 0 13 * fri")) == ("*-*-13 00:00:00", "Fri *-*-* 00:00:00")


@pytest.mark.parametrize("days", ["*/2 * 1", "*/1 * fri", "1 * */2", "*/2 * */2", "*,5 * 1"])
def test_a_step_from_a_star_beside_another_day_is_refused(days: str) -> None:
    """Vixie's cron then runs where both fit, other crons where either does; the timer could be only one."""
    with pytest.raises(ValueError, match="name the days"):
        read(f"0 0 {days}")


@pytest.mark.parametrize("days", ["*/2 * *", "* * */2", "1-31/2 * 1", "1 */2 1"])
def test_a_step_that_all_crons_read_alike_is_taken(days: str) -> None:
    assert read(f"0 0 {days}")


@pytest.mark.parametrize(
    "text",
    ["", "@reboot", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "*-5 * * * *", "*/0 * * * *", "x"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|has not five fields"):
        read(text)


def test_units_start_what_up_has_made() -> None:
    made = units(
        "home-report", "report of home", Schedule((0,), (3,), None, None, None), ("/usr/bin/docker", "a b%")
    )
    assert set(made) == {"home-report.service", "home-report.timer"}
    assert 'ExecStart=/usr/bin/docker "a b%%"\n' in made["home-report.service"]
    assert "OnCalendar=*-*-* 03:00:00\n" in made["home-report.timer"]
    assert cron_line("0  3 * * *", ("docker", "100%")) == r"0 3 * * * docker 100\%"
