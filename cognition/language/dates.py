"""Dates and numbers in one of the ways in which people write them. English, and ISO 8601."""

import re

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = "|".join(MONTHS)
_ENDING = r"(?:st|nd|rd|th)"
_DATE = re.compile(
    rf"\b(?:(?P<year>\d{{4}})-(?P<number>0[1-9]|1[0-2])-(?P<of>[0-3]\d)(?=\D|$)"
    rf"|(?P<before>\d{{1,2}}){_ENDING}?\s+(?:of\s+)?(?P<name>{_MONTH})\b"
    rf"|(?P<named>{_MONTH})\s+(?:the\s+)?(?P<after>\d{{1,2}}){_ENDING}?\b)"
)
_GROUPS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)")
_ORDINAL = re.compile(rf"\d+(?={_ENDING}$)", re.ASCII)
_SHORT = 3


def with_months(text: str) -> str:
    """A text whose days have their month in full and in three letters, as memories are dated.

    Args:
        text: any text in small letters.

    Returns:
        The same, with dates as "8 march mar"; a day alone or a month alone stays as it is.

    Source: ISO 8601 for dates in digits.

    >>> with_months("on march 8th, that is 2026-03-08")
    'on 8 march mar, that is 08 march mar 2026'
    """
    return _DATE.sub(_spelled, text)


def _spelled(found: re.Match[str]) -> str:
    day = found["of"] or found["before"] or found["after"]
    month = MONTHS[int(found["number"]) - 1] if found["number"] else found["name"] or found["named"]
    short = "" if month == "may" else f" {month[:_SHORT]}"
    return f"{day} {month}{short}" + (f" {found['year']}" if found["year"] else "")


def without_groups(text: str) -> str:
    """A text whose numbers are not cut in thousands by commas.

    Args:
        text: any text.

    Returns:
        The same, with "1,500" as "1500".

    Source: none.

    >>> without_groups("$1,500, 15,000 and 1,2,3")
    '$1500, 15000 and 1,2,3'
    """
    if "," not in text:
        return text
    return _GROUPS.sub(lambda found: found[0].replace(",", ""), text)


def cardinal(word: str) -> str:
    """A number without the ending of an ordinal.

    Args:
        word: a word that begins with a digit.

    Returns:
        "8" for "8th"; any other word as it is.

    Source: none.

    >>> cardinal("8th"), cardinal("8thx")
    ('8', '8thx')
    """
    found = _ORDINAL.match(word)
    return found[0] if found else word
