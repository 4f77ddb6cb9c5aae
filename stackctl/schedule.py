"""When a job runs, as cron writes it; and what makes a host run it: a systemd timer, or a line for cron.

stackctl itself runs nothing on time.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 7, _DAYS),
)
_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?\Z")


@dataclass(frozen=True)
class Schedule:
    """The numbers of each field, sorted; None where any number will do."""

    minutes: tuple[int, ...] | None
    hours: tuple[int, ...] | None
    days: tuple[int, ...] | None
    months: tuple[int, ...] | None
    weekdays: tuple[int, ...] | None
    """0 is Sunday."""


def read(text: str) -> Schedule:
    """Five fields, or a name such as `@daily`.

    Raises:
        ValueError: It is no time; the message says which field is wrong.
    """
    text = " ".join(text.split())
    words = _NAMED.get(text, text).split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"`{text}` has not five fields, and is none of {', '.join(_NAMED)}")
    minutes, hours, days, months, weekdays = (
        _field(word, *field) for word, field in zip(words, _FIELDS, strict=True)
    )
    if words[2] != "*" != words[4] and "*" in (words[2][0], words[4][0]):
        raise ValueError(
            f"`{words[2]}` beside the weekday `{words[4]}` is no day that every cron takes for the same:"
            " behind a `*`, some want both to fit and some either; name the days, as in `1-31/2`"
        )
    if weekdays:
        weekdays = tuple(sorted({day % 7 for day in weekdays}))
    return Schedule(minutes, hours, days, months, weekdays)


def on_calendar(schedule: Schedule) -> tuple[str, ...]:
    """The same for systemd, one `OnCalendar=` each; cron takes a day that fits either kind of day."""
    clock = f"{_numbers(schedule.hours)}:{_numbers(schedule.minutes)}:00"
    months = _numbers(schedule.months)
    named = ",".join(_DAYS[day].title() for day in schedule.weekdays or ())
    by_weekday = f"{named} *-{months}-* {clock}"
    by_date = f"*-{months}-{_numbers(schedule.days)} {clock}"
    if schedule.weekdays is None:
        return (by_date,)
    return (by_weekday,) if schedule.days is None else (by_date, by_weekday)


def units(name: str, about: str, schedule: Schedule, command: tuple[str, ...]) -> dict[str, str]:
    """File name -> text of the service and the timer."""
    times = "\n".join(f"OnCalendar={time}" for time in on_calendar(schedule))
    return {
        f"{name}.service": f"""[Unit]
Description={about}
Requires=docker.service
After=docker.service

[Service]
Type=oneshot
ExecStart={_words(command)}
""",
        f"{name}.timer": f"""[Unit]
Description={about}, by the clock

[Timer]
{times}
Persistent=true

[Install]
WantedBy=timers.target
""",
    }


def cron_line(text: str, command: tuple[str, ...]) -> str:
    """The line for `crontab -e`."""
    # cron ends a command at a percent sign.
    return f"{' '.join(text.split())} {shlex.join(command)}".replace("%", r"\%")


def _words(command: tuple[str, ...]) -> str:
    """As systemd splits them; it also fills in percent and dollar signs."""
    escaped = (word.replace("\\", "\\\\").replace('"', '\\"') for word in command)
    quoted = (f'"{word}"' if re.search(r"[\s\"'\\]", word) else word for word in escaped)
    return " ".join(quoted).replace("%", "%%").replace("$", "$$")


def _numbers(numbers: tuple[int, ...] | None) -> str:
    return "*" if numbers is None else ",".join(f"{number:02}" for number in numbers)


def _field(text: str, what: str, low: int, high: int, names: tuple[str, ...]) -> tuple[int, ...] | None:
    if text == "*":
        return None
    found = {number for part in text.split(",") for number in _part(part, what, low, high, names)}
    return tuple(sorted(found))


def _part(part: str, what: str, low: int, high: int, names: tuple[str, ...]) -> Iterator[int]:
    match = _PART.match(part)
    if not match or (match[1] == "*" and match[2]):
        raise ValueError(f"`{part}` is no {what}")
    if match[1] == "*":
        first, last = low, high
    else:
        first = _number(match[1], what, low, high, names)
        # As in cron, a step without an end goes on to the end.
        last = _number(match[2], what, low, high, names) if match[2] else high if match[3] else first
    step = int(match[3] or 1)
    if last < first or step < 1:
        raise ValueError(f"`{part}` is no {what}")
    yield from range(first, last + 1, step)


def _number(text: str, what: str, low: int, high: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + low
    if not re.fullmatch(r"[0-9]{1,2}", text) or not low <= int(text) <= high:
        raise ValueError(f"`{text}` is no {what} ({low} to {high})")
    return int(text)
