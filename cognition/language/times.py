"""Times in a question, such as "last week", "in May" or "on 8 March": when something happened.

Only what is surely a time counts: "may" is a month behind "in" and beside a day or a year, nothing
else. What is still to come is left out: no memory is from then.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from dateutil.parser import parse
from dateutil.relativedelta import relativedelta

from cognition.language.dates import MONTHS
from cognition.language.spelling import folded
from cognition.language.times_said import AGO, BACK, NUMBERS
from cognition.language.tongues import ENGLISH, language_of

Stretch = tuple[datetime, datetime]
Rule = tuple[re.Pattern[str], Callable[[re.Match[str], datetime], Stretch | None]]


def _any_of(names: Iterable[str]) -> str:
    """A pattern for any of them, the longest first: "last week" would hide "last weekend"."""
    return "|".join(sorted(names, key=len, reverse=True))


_EPOCH = datetime(1970, 1, 1)
_MILLISECOND, _MINUTE, _DAY = timedelta(milliseconds=1), timedelta(minutes=1), timedelta(days=1)
# From a question asked in these no reckoning back leaves the calendar.
_YEARS = range(1500, 9000)
_UNITS = {
    "day": relativedelta(days=1),
    "week": relativedelta(weeks=1),
    "weekend": relativedelta(weeks=1),
    "month": relativedelta(months=1),
    "year": relativedelta(years=1),
}
_LEAP_YEARS_APART = 8
# About so many: the least and the most.
_SOME = {"a few": (2, 6), "few": (2, 6), "a couple of": (1, 3), "couple of": (1, 3)}

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH = rf"(?:{'|'.join(MONTHS)}|{'|'.join(name[:3] for name in MONTHS)}|sept)\b\.?"
_YEAR = r"(?:19|20)\d\d\b"
_COUNT = rf"(?:\d{{1,3}}|{_any_of([*NUMBERS, *_SOME])})"
_DAY_OF = r"\b(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?\b"
_SIDE = r"(?:\b(?P<side>since|after|before|until|till) )?\b(?:the )?"
_DATE = re.compile(
    rf"{_SIDE}(?P<date>{_DAY_OF} (?:of )?{_MONTH}(?:,? (?:of )?{_YEAR})?"
    rf"|{_MONTH} (?:the )?{_DAY_OF}(?!:| ?[ap]m\b)(?:,? {_YEAR})?"
    rf"|{_YEAR}-[01]\d-[0-3]\d\b|[0-3]?\d\.[01]?\d\.{_YEAR})"
)
_MONTH_OF_YEAR = re.compile(rf"{_SIDE}(?P<month>{_MONTH},? (?:of )?{_YEAR})")
_ALONE = re.compile(
    r"\b(?:(?P<side>since|after|before|until|till)|in|during|last|this|early|late|throughout) "
    rf"(?:the (?:month|year) of )?(?P<month>{_MONTH}|{_YEAR})"
)
_WEEKDAY = re.compile(
    rf"\b(?:(?P<side>since)|on|last|this|past) (?P<weekday>{'|'.join(_WEEKDAYS)})\b"
)
_LAST = re.compile(
    rf"\b(?:last|past|previous) (?P<count>{_COUNT}) (?P<unit>day|week|month|year)s\b"
)
# Most questions have none of these, and are not looked at further.
_HINT = re.compile(
    rf"\d|[^\x00-\x7f]|\b(?:last|past|previous|this|ago|yesterday|to(?:day|night)|{_MONTH}"
    rf"|{'|'.join(_WEEKDAYS)}|heute|(?:vor)?gestern|letzte.?|diese.?|vor|vorige.?|bu)\b"
)
_UNSPACED = {"chinese", "korean", "thai"}
_SCRIPTS = ("arabic", "chinese", "hindi", "korean", "russian", "thai")


@dataclass(frozen=True)
class Times:
    """The times that a question asks about, and the months that it names.

    `spans`: milliseconds since the epoch, from the first on and before the second.
    """

    spans: tuple[tuple[int, int], ...] = ()
    months: tuple[str, ...] = ()


NO_TIMES = Times()


def times_in(text: str, now_ms: int, *, utc_offset: int = 0) -> Times:
    """The times that a question asks about, on the clock of who asks.

    Args:
        text: the question.
        now_ms: the moment of the question, milliseconds since the epoch.
        utc_offset: minutes that the asker's clock is ahead of UTC.

    Returns:
        Spans that have begun by then; none where the question names no time. A day or month
        without its year is the latest that has begun.

    Source: the Gregorian calendar; weeks begin on Monday (ISO 8601).

    >>> now_ms = 1_775_000_000_000  # 31 March 2026
    >>> [(begins_ms, ends_ms)] = times_in("What did I buy last week?", now_ms).spans
    >>> (now_ms - begins_ms) // 86_400_000, (now_ms - ends_ms) // 86_400_000
    (8, 1)
    >>> times_in("You may sit in the sun for a second.", now_ms).spans
    ()
    """
    said = " ".join(folded(text).split())
    if not _HINT.search(said):
        return NO_TIMES
    now = _EPOCH + now_ms * _MILLISECOND + utc_offset * _MINUTE
    if now.year not in _YEARS:
        return NO_TIMES
    spans, months = [], []
    for rule, read in _rules(said):
        for found in rule.finditer(said):
            stretch = read(found, now)
            if stretch is not None and stretch[0] < stretch[1] and stretch[0] <= now:
                spans.append(_span(stretch, utc_offset))
                months += _named(found.groupdict().get("month") or "")
        said = rule.sub(";", said)  # a time is read once
    return Times(tuple(spans), tuple(dict.fromkeys(months)))


def _span(stretch: Stretch, utc_offset: int) -> tuple[int, int]:
    begins_ms, ends_ms = (
        (edge - _EPOCH - utc_offset * _MINUTE) // _MILLISECOND for edge in stretch
    )
    return begins_ms, ends_ms


def _named(said: str) -> list[str]:
    return [name for name in MONTHS if said[:3] == name[:3]]


def _rules(said: str) -> list[Rule]:
    """The rules for a text, those first that read more of it."""
    languages = [ENGLISH]
    if not said.isascii():
        languages += _SCRIPTS
    if (own := language_of(re.findall(r"\w+", said))) not in languages:
        languages.append(own)
    return [
        (_DATE, _date),
        (_MONTH_OF_YEAR, _month),
        (_ALONE, _month),
        (_WEEKDAY, _weekday),
        (_LAST, _last),
        *(rule for language in languages if language in BACK for rule in _rules_of(language)),
    ]


@cache
def _rules_of(language: str) -> list[Rule]:
    """The rules for what lies back in one language."""
    edges = ("", "") if language in _UNSPACED else (r"(?<!\w)", r"(?!\w)")
    wordings = {
        folded(each): back for back, some in BACK[language].items() for each in some.split("|")
    }

    def _lying_back(found: re.Match[str], now: datetime) -> Stretch:
        unit, count = wordings[found[0]]
        return _calendar(now - count * _UNITS[unit], unit)

    rules: list[Rule] = [(re.compile(f"(?:{_any_of(wordings)})".join(edges)), _lying_back)]
    if language in AGO:
        pattern, units = AGO[language]
        names = {folded(name): unit for name, unit in units.items()}
        counted = pattern.format(count=f"(?P<count>{_COUNT})", unit=f"(?P<unit>{_any_of(names)})")

        def _units_ago(found: re.Match[str], now: datetime) -> Stretch:
            return _ago(found["count"], names[found["unit"]], now)

        rules.append((re.compile(counted.join(edges)), _units_ago))
    return rules


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _calendar(moment: datetime, unit: str) -> Stretch:
    """The day, week, weekend, month or year of the calendar that a moment lies in."""
    begins = _day(moment)
    match unit:
        case "week":
            begins -= begins.weekday() * _DAY
        case "weekend":
            begins += (5 - begins.weekday()) * _DAY
            return begins, begins + 2 * _DAY
        case "month":
            begins = begins.replace(day=1)
        case "year":
            begins = begins.replace(month=1, day=1)
    return begins, begins + _UNITS[unit]


def _ago(said: str, unit: str, now: datetime) -> Stretch:
    """A day, or half a unit to either side of a moment that is told less exactly."""
    least, most = _counted(said)
    if unit == "day" and least == most:
        return _calendar(now - least * _DAY, "day")
    half = ((now + _UNITS[unit]) - now) / 2
    return now - most * _UNITS[unit] - half, now - least * _UNITS[unit] + half


def _counted(said: str) -> tuple[int, int]:
    number = NUMBERS.get(said) or (int(said) if said.isdecimal() else 0)
    return _SOME.get(said, (number, number))


def _last(found: re.Match[str], now: datetime) -> Stretch:
    return now - _counted(found["count"])[1] * _UNITS[found["unit"]], now


def _weekday(found: re.Match[str], now: datetime) -> Stretch:
    """The latest such day before today."""
    back = (now.weekday() - _WEEKDAYS.index(found["weekday"]) - 1) % 7 + 1
    return _on_side(found, _calendar(now - back * _DAY, "day"), now)


def _date(found: re.Match[str], now: datetime) -> Stretch | None:
    said = found["date"]
    day = _parsed(said, now, dayfirst="." in said)
    return None if day is None else _on_side(found, _calendar(day, "day"), now)


def _month(found: re.Match[str], now: datetime) -> Stretch | None:
    said = found["month"]
    if said.isdecimal():
        return _on_side(found, _calendar(now.replace(month=1, day=1, year=int(said)), "year"), now)
    month = _parsed(f"1 {said}", now)
    return None if month is None else _on_side(found, _calendar(month, "month"), now)


def _parsed(said: str, now: datetime, *, dayfirst: bool = False) -> datetime | None:
    """A date; without a year the latest that has begun. None for the 31st of February."""
    dated = re.search(_YEAR, said) is not None
    said = re.sub(r"\b(?:of|the)\b", " ", said)
    for back in range(1 if dated else _LEAP_YEARS_APART + 1):
        try:
            day: datetime = parse(
                said, default=datetime(now.year - back, 1, 1), dayfirst=dayfirst, ignoretz=True
            )
        except (ValueError, OverflowError):
            continue
        if dated or day <= now:
            return day
    return None


def _on_side(found: re.Match[str], stretch: Stretch, now: datetime) -> Stretch:
    """A stretch, or what lies on the side of it that is asked for."""
    begins, ends = stretch
    match found["side"]:
        case "since":
            return begins, now
        case "after":
            return ends, now
        case "before":
            return _EPOCH.replace(year=1), begins
        case "until" | "till":
            return _EPOCH.replace(year=1), ends
    return stretch
