"""Dates as Moment.js writes them: ``YYYYMMDD``, ``YYYY-MM-DDTHH-mm``, ``[week]-WW``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from releaser.errors import SpecError

_LITERAL = r"\[[^\[\]]*\]"
_TOKEN = re.compile(
    rf"{_LITERAL}|Mo|M{{1,4}}|Do|DDDo|D{{1,4}}|do|d{{1,4}}|w[ow]?|W[oW]?|Qo?|N{{1,5}}|Y{{4,6}}|YY"
    r"|y{1,4}|g{4,5}|gg|G{4,5}|GG|[eEaA]|[Hh]mm(?:ss)?|h{1,2}|H{1,2}|k{1,2}|m{1,2}|s{1,2}"
    r"|S{1,9}|[xX]|z{1,2}|Z{1,2}|LTS|LT|L{1,4}|l{1,4}"
)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _hour(at: datetime) -> int:
    return at.hour % 12 or 12


def _offset(at: datetime, colon: str) -> str:
    sign, digits = at.strftime("%z")[0], at.strftime("%z")[1:5]
    return f"{sign}{digits[:2]}{colon}{digits[2:]}"


_WRITE: dict[str, Callable[[datetime], str]] = {
    "YYYY": lambda at: f"{at.year:04}",
    "YY": lambda at: f"{at.year % 100:02}",
    "Q": lambda at: str((at.month + 2) // 3),
    "MMMM": lambda at: _MONTHS[at.month - 1],
    "MMM": lambda at: _MONTHS[at.month - 1][:3],
    "MM": lambda at: f"{at.month:02}",
    "M": lambda at: str(at.month),
    "DDDD": lambda at: f"{at.timetuple().tm_yday:03}",
    "DDD": lambda at: str(at.timetuple().tm_yday),
    "DD": lambda at: f"{at.day:02}",
    "D": lambda at: str(at.day),
    "dddd": lambda at: _DAYS[at.weekday()],
    "ddd": lambda at: _DAYS[at.weekday()][:3],
    "dd": lambda at: _DAYS[at.weekday()][:2],
    "d": lambda at: str(at.isoweekday() % 7),
    "E": lambda at: str(at.isoweekday()),
    "GGGG": lambda at: f"{at.isocalendar().year:04}",
    "GG": lambda at: f"{at.isocalendar().year % 100:02}",
    "WW": lambda at: f"{at.isocalendar().week:02}",
    "W": lambda at: str(at.isocalendar().week),
    "HH": lambda at: f"{at.hour:02}",
    "H": lambda at: str(at.hour),
    "hh": lambda at: f"{_hour(at):02}",
    "h": lambda at: str(_hour(at)),
    "kk": lambda at: f"{at.hour or 24:02}",
    "k": lambda at: str(at.hour or 24),
    "Hmm": lambda at: f"{at.hour}{at.minute:02}",
    "Hmmss": lambda at: f"{at.hour}{at.minute:02}{at.second:02}",
    "hmm": lambda at: f"{_hour(at)}{at.minute:02}",
    "hmmss": lambda at: f"{_hour(at)}{at.minute:02}{at.second:02}",
    "mm": lambda at: f"{at.minute:02}",
    "m": lambda at: str(at.minute),
    "ss": lambda at: f"{at.second:02}",
    "s": lambda at: str(at.second),
    "A": lambda at: "AM" if at.hour < 12 else "PM",
    "a": lambda at: "am" if at.hour < 12 else "pm",
    "X": lambda at: str(int(at.timestamp())),
    "x": lambda at: str(int(at.timestamp()) * 1000),
    "Z": lambda at: _offset(at, ":"),
    "ZZ": lambda at: _offset(at, ""),
    "z": lambda at: at.tzname() or "",
}


def zone(name: str) -> tzinfo:
    """The time zone of an IANA name.

    Raises:
        SpecError: there is none of that name.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise SpecError(
            f'"{name}" is not a time zone', hint="write its IANA name: UTC, Europe/Berlin"
        ) from None


def check_format(text: str) -> None:
    """Raise :class:`SpecError` where ``text`` uses a token of Moment.js that is not known here."""
    for token in _TOKEN.findall(text):
        if token not in _WRITE and token[0] not in "[S":
            raise SpecError(
                f'"{token}" is not understood in the date format "{text}"',
                details=(("defined", " ".join(_WRITE)),),
                hint=f"write [{token}] for the letters themselves",
            )


def moment(seconds: int, where: tzinfo = UTC) -> datetime | None:
    """A time in seconds since 1970; ``None`` where no calendar goes that far."""
    try:
        return datetime.fromtimestamp(seconds, where)
    except (OverflowError, ValueError, OSError):
        return None


def written(seconds: int, text: str, zone_name: str) -> str:
    """A time in seconds since 1970 in a format and a zone.

    Raises:
        SpecError: the format or the zone is not known, or the time is out of range.
    """
    check_format(text)
    at = moment(seconds, zone(zone_name))
    if at is None:
        raise SpecError(
            f"the time {seconds} is out of range: dates end with the year 9999",
            hint="correct the clock that gave it, or write the tag without a date",
        )
    return _TOKEN.sub(lambda match: _token(match[0], at), text)


def _token(token: str, at: datetime) -> str:
    if token[0] == "[":
        return token[1:-1]
    if token[0] == "S":  # times are whole seconds
        return "0" * len(token)
    return _WRITE[token](at)
