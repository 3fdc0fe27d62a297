"""Times in questions: which words are one, and which span of the asker's clock they mean."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.language.times import times_in
from cognition.language.times_said import AGO, BACK
from schemas.limits import TIME_MS_MAX, TIME_MS_MIN

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)  # a Tuesday
HOURS = "%Y-%m-%d %H"
WORDS = st.sampled_from(
    [
        *("last", "this", "next", "in", "on", "since", "after", "before", "until", "the", "of"),
        *(
            "may",
            "mar",
            "sept.",
            "march",
            "december",
            "31",
            "30th",
            "2nd",
            "2026",
            "1900,",
            "0",
            "999",
        ),
        *("2026-02-30", "31.12.1999", "00.00.2000", "friday", "weekend", "weeks", "years", "days"),
        *(
            "ago",
            "yesterday",
            "a",
            "few",
            "couple",
            "vor",
            "Jahren",
            "上周",
            "天前",
            "3",
            "년 전",
            "।",
        ),
    ]
)


def milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def spans(text: str, *, utc_offset: int = 0) -> list[tuple[str, str]]:
    """The spans of a text asked at NOW, in hours of UTC."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [
        (
            (epoch + timedelta(milliseconds=begins_ms)).strftime(HOURS),
            (epoch + timedelta(milliseconds=ends_ms)).strftime(HOURS),
        )
        for begins_ms, ends_ms in times_in(text, milliseconds(NOW), utc_offset=utc_offset).spans
    ]


def days(first: str, last: str) -> list[tuple[str, str]]:
    """One span from midnight to midnight."""
    return [(f"{first} 00", f"{last} 00")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What did I eat today?", days("2026-12-01", "2026-12-02")),
        ("And the day before yesterday?", days("2026-11-29", "2026-11-30")),
        ("What did I do LAST  week?", days("2026-11-23", "2026-11-30")),
        ("What did I do last weekend?", days("2026-11-28", "2026-11-30")),
        ("Who called in the past month?", days("2026-11-01", "2026-12-01")),
        ("What did I do three days ago?", days("2026-11-28", "2026-11-29")),
        ("Two weeks ago, who came?", [("2026-11-13 22", "2026-11-20 22")]),
        ("What changed in the last 10 days?", [("2026-11-21 10", "2026-12-01 10")]),
        ("Whom did I meet last Friday?", days("2026-11-27", "2026-11-28")),
        ("Where was I on Tuesday?", days("2026-11-24", "2026-11-25")),
        ("Where was I in May?", days("2026-05-01", "2026-06-01")),
        ("Where was I in December?", days("2026-12-01", "2027-01-01")),
        ("Where was I in Sept. 2023?", days("2023-09-01", "2023-10-01")),
        ("Where was I in 2023?", days("2023-01-01", "2024-01-01")),
        ("What was on October 13, 2023?", days("2023-10-13", "2023-10-14")),
        ("What was on the 17th of January, 2024?", days("2024-01-17", "2024-01-18")),
        ("What was on 8 March?", days("2026-03-08", "2026-03-09")),
        ("What was on May 8th?", days("2026-05-08", "2026-05-09")),
        ("What was on 29 February 2024?", days("2024-02-29", "2024-03-01")),
        ("What was on 24 December?", days("2025-12-24", "2025-12-25")),
        ("What was on 29 February?", days("2024-02-29", "2024-03-01")),
        ("What was on 2026-03-08?", days("2026-03-08", "2026-03-09")),
        ("What was on 08.03.2026?", days("2026-03-08", "2026-03-09")),
        ("What changed since March?", [("2026-03-01 00", "2026-12-01 10")]),
        ("What changed after 8 March?", [("2026-03-09 00", "2026-12-01 10")]),
        ("Was habe ich letzte Woche gekauft?", days("2026-11-23", "2026-11-30")),
        ("Was hat er vor drei Tagen gesagt?", days("2026-11-28", "2026-11-29")),
        ("我上周做了什么？", days("2026-11-23", "2026-11-30")),
        ("三天前我去了哪里？", days("2026-11-28", "2026-11-29")),
        ("先週何をしましたか", days("2026-11-23", "2026-11-30")),
        ("지난주에 뭐 했어?", days("2026-11-23", "2026-11-30")),
        ("Что я делал на прошлой неделе?", days("2026-11-23", "2026-11-30")),
        ("Geçen hafta ne yaptım, bu ay ne var?", days("2026-11-23", "2026-11-30")),
        ("पिछले हफ्ते मैंने क्या किया?", days("2026-11-23", "2026-11-30")),
        ("ماذا فعلت الأسبوع الماضي؟", days("2026-11-23", "2026-11-30")),
        ("สัปดาห์ที่แล้วฉันทำอะไร", days("2026-11-23", "2026-11-30")),
    ],
)
def test_time_in_a_question_is_a_span_of_the_calendar(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert spans(text)[:1] == expected


@pytest.mark.parametrize(
    "text",
    [
        "You may sit in the sun for a second.",
        "May I ask what the mar is about?",
        "Can I march with the second group?",
        "Which 3 books did I lend to June and April?",
        "What did Mr. Sept say to Jan in the sunday school?",
        "What is on the last page of this book?",
        "Is order 2023 paid?",
        "What is the last thing I said?",
        "Where do I live?",
        "What is planned for next week, tomorrow and in 3 days?",
        "What happens on 24 December 2027?",
        "Where was I on 31 February?",
        "What is 0 March and 00.00.2020?",
        "Wie lange war der Tag vor der Reise?",
        "",
    ],
)
def test_ordinary_words_and_what_is_to_come_are_no_times(text: str) -> None:
    assert spans(text) == []


def test_day_begins_when_it_does_for_who_asks() -> None:
    text = "What did I eat today?"

    assert spans(text, utc_offset=540) == [("2026-11-30 15", "2026-12-01 15")]
    assert spans(text, utc_offset=-660) == [("2026-11-30 11", "2026-12-01 11")]


def test_several_times_are_told_and_the_months_among_them() -> None:
    times = times_in("Was it in March, last May or on Monday?", milliseconds(NOW))

    assert len(times.spans) == 3
    assert times.months == ("march", "may")


@pytest.mark.parametrize("language", BACK)
def test_wordings_of_every_language_are_found_in_its_texts(language: str) -> None:
    # By themselves, words in Latin letters do not tell their language.
    text = {"german": "Was haben wir {} für uns?", "turkish": "Bu {} için ne var?"}.get(
        language, "{}"
    )
    for wordings in BACK[language].values():
        for wording in wordings.split("|"):
            assert "weekend" in wording or spans(text.format(wording)), wording


@pytest.mark.parametrize("language", AGO)
def test_days_and_weeks_ago_are_found_in_every_language(language: str) -> None:
    text = {"german": "Was haben wir {} für uns?", "turkish": "Bu {} için ne var?"}.get(
        language, "{}"
    )
    pattern, units = AGO[language]
    for name, unit in units.items():
        said = pattern.replace("(?:e|en|n)?", "").replace("s? ago", "s ago").replace("?", "")
        said = said.replace("(:ที่แล้ว|ก่อน)", "ก่อน").replace("(:я|ь|и|ю|а|ев|ей)", "")
        [(begins, ends)] = spans(text.format(said.format(count=3, unit=name)))
        assert begins < ends, unit


@given(
    st.lists(WORDS, max_size=8).map(" ".join) | st.text(),
    st.integers(TIME_MS_MIN, TIME_MS_MAX),
    st.integers(-1439, 1439),
)
def test_any_text_at_any_moment_has_spans_that_have_begun(
    text: str, now_ms: int, utc_offset: int
) -> None:
    for begins_ms, ends_ms in times_in(text, now_ms, utc_offset=utc_offset).spans:
        assert begins_ms < ends_ms
        assert begins_ms <= now_ms
