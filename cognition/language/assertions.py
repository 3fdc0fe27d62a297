"""Assertions: what each clause of a text is about, its verb, and the value it gives. English."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, takewhile

from cognition.language import english
from cognition.language.english import stems
from cognition.language.text import words

# Of a longer text a vector knows its beginning only: a model reads some 256 tokens.
CHARACTERS_MAX = 1_000
READINGS_CACHED = 2_048  # The results of the latest searches; a few kB each.
SUBJECT_WORDS_MAX = 6
SPEAKER = frozenset({"i"})


@dataclass(frozen=True, slots=True)
class Assertion:
    """The assertion that one clause makes.

    Args:
        subject: terms of who or what it is about; SPEAKER is who says it.
        verb: its stem; "be" for every form of to be, "call" where it gives a name.
        value: terms of what follows.
        measured: those of them that are numbers, days, months or times.
        named: those of them that are written as names.
        placed: the value begins as a place or time does ("in", "at").
        where: the words of the value that say where, when or what for it holds ("on Mondays").
        mine: the speaker is its subject or owns it.
        negated: it denies what it says.
        past: it tells what was.
        renewed: it says that it is new ("now", "since June").
        final: it says that something is over ("no longer").
        changes: it says that the subject changed, perhaps to `value`.
        ends: it says that `value`, or the subject, has ended.
        more: it says that it comes on top ("also", "another").
    """

    subject: frozenset[str]
    verb: str
    value: frozenset[str]
    measured: frozenset[str]
    named: frozenset[str]
    placed: bool
    where: frozenset[str]
    mine: bool
    negated: bool
    past: bool
    renewed: bool
    final: bool
    changes: bool
    ends: bool
    more: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """The assertions of a text, without its questions and suppositions.

    Args:
        assertions: clause by clause.
        gone: values that it names as wrong or over: "not 240", "instead of the bus".
        wrong: those that only its own subject and verb say: "allergic to walnuts, not peanuts".
        terms: all of them.
        redates: it gives another date of what was spoken of before: "it's Friday now".
    """

    assertions: tuple[Assertion, ...]
    gone: tuple[frozenset[str], ...]
    wrong: tuple[frozenset[str], ...]
    terms: frozenset[str]
    redates: bool


@dataclass
class _Parts:
    """Of a clause: the words before the verb, its auxiliaries, the verb, what follows."""

    subject: list[str]
    group: frozenset[str]
    verb: str
    value: list[str]
    changes: bool = False
    ends: bool = False
    past: bool = False


@lru_cache(READINGS_CACHED)
def read(text: str, speaker: str = "") -> Reading:
    """The assertions of a text, clause by clause.

    A clause is about what stands before its first verb; what follows is the value. Clauses about
    "it", "she" or "that" are left out, for what they stand for was said elsewhere.

    Args:
        text: in English; of others little or nothing is found. Only the first CHARACTERS_MAX
            characters are read.
        speaker: who says it. What is said of somebody of that name, or of "the user", the speaker
            says himself.

    Returns:
        What it says; nothing for a text of questions.

    Source: none; a few patterns of English sentences.

    >>> (said,) = read("My sister's name is Ann.").assertions
    >>> sorted(said.subject), said.verb, sorted(said.value)
    (['sister'], 'call', ['ann'])
    """
    found = english.SENTENCE.finditer(text[:CHARACTERS_MAX])
    sentences = [each[1].strip() for each in found if "?" not in each[2]]
    expanded = [" ".join(_expanded(words(each))) for each in sentences]
    names = {english.USER, *speaker.casefold().split()[:1]}
    clauses = [clause for each in sentences for clause in _clauses(each, names)]
    contrasts = [english.CONTRAST.search(each) for each in sentences]
    return Reading(
        assertions=tuple(clauses),
        gone=tuple(value for each in expanded for value in _gone(each)),
        wrong=tuple(_value(words(found[1])) for found in contrasts if found),
        terms=stems(" ".join(sentences)),
        redates=any(_redates(each) for each in expanded),
    )


def measures(found: frozenset[str]) -> frozenset[str]:
    """The terms, of these, that are numbers, days, months or times.

    Args:
        found: terms.

    Returns:
        Some of them, or all, or none.

    Source: none; a list of words.

    >>> sorted(measures(frozenset({"220", "degre", "twenti"})))
    ['220', 'twenti']
    """
    return frozenset(term for term in found if term in english.MEASURES or term[0].isdecimal())


def _gone(expanded: str) -> Iterator[frozenset[str]]:
    for match in english.GONE.finditer(expanded):
        found = _value(match[2].split())
        # "not" denies whatever follows; only a number or a day is likely to have been said before.
        if measures(found) or (found and match[1] not in {"not", "told you"}):
            yield found


def _value(said: list[str]) -> frozenset[str]:
    return stems(" ".join(takewhile(lambda word: word not in english.AFTER_GONE, said)))


def _redates(expanded: str) -> bool:
    found = english.REDATES.search(expanded)
    return found is not None and (
        found[1] is None or not english.CALENDAR.isdisjoint(stems(found[1]))
    )


def _clauses(sentence: str, names: set[str]) -> Iterator[Assertion]:
    corrected = bool(english.CORRECTED.match(sentence))
    for clause in english.BETWEEN_CLAUSES.split(sentence):
        said = _of_speaker(_expanded(words(clause)), names)
        for part in _each(said):
            if found := _assertion(part, _names(clause), renewed=corrected):
                yield found


def _of_speaker(said: list[str], names: set[str]) -> list[str]:
    """The words with "I" and "my" for one of `names`, or for "the user"."""
    told: list[str] = []
    for word in said:
        owner = word.removesuffix("'s")
        if owner in names:
            if told and told[-1] == "the":
                told.pop()
            told.append(
                "my" if owner != word else "i" if english.OPENERS.issuperset(told) else word
            )
        else:
            told.append(word)
    return told


def _each(said: list[str]) -> Iterator[list[str]]:
    """The clauses of "User left Acme and works at Globex", each with its subject."""
    pivot = _pivot(said)
    after = [
        i
        for i, (word, follower) in enumerate(pairwise(said))
        if i > pivot > 0 and word == "and" and follower in english.GOES_ON
    ]
    starts = [0, *(i + 1 for i in after)]
    for start, end in zip(starts, [*after, len(said)], strict=True):
        yield said[start:end] if not start else said[:pivot] + said[start:end]


def _assertion(said: list[str], names: frozenset[str], *, renewed: bool) -> Assertion | None:
    text = english.PASSIVE.sub("is ", " ".join(said))
    text, became = english.BECAME.subn("is ", text)
    for pattern, other in english.REWORDED:
        text = pattern.sub(other, text)
    final = bool(english.FINAL.search(text))
    more = english.AS_WELL.search(text) or not english.MORE.isdisjoint(said)
    text, news = english.NEWS.subn(" ", english.DENIED.sub("not", text))
    said = text.split()
    said = _without_asides(said[_start(said) :])
    parts = _parts(said) if english.SUPPOSED.isdisjoint(said) else None
    if parts is None:
        return None
    value = stems(" ".join(parts.value)) - english.OFTEN - english.PRONOUNS
    measured = measures(value)
    return Assertion(
        subject=_subject(parts.subject),
        verb=parts.verb,
        value=value,
        measured=measured,
        named=(value & names) - measured,
        placed=bool(parts.value) and parts.value[0] in english.PLACES,
        where=_circumstances(parts.value),
        mine=parts.subject[0] in english.OWNERS,
        negated=not parts.group.isdisjoint(english.NOT),
        past=parts.past,
        renewed=renewed or bool(news or became) or final or "new" in parts.subject,
        final=final,
        changes=parts.changes,
        ends=parts.ends,
        more=bool(more),
    )


def _without_asides(said: list[str]) -> list[str]:
    ends = (
        i
        for i, word in enumerate(said)
        if word in english.ASIDES and said[i - 1] not in english.BE  # "insured with", "is with"
    )
    return said[: next(ends, len(said))]


def _circumstances(value: list[str]) -> frozenset[str]:
    """Words that say where, when or what for; a date or a time of day is a value itself."""
    starts = [i for i, word in enumerate(value) if i and word in english.CIRCUMSTANCES]
    found: set[str] = set()
    for start, end in pairwise([*starts, len(value)]):
        told = value[start:end]
        if end > start + 1 and not (told[1][0].isdecimal() or told[1] in english.CLOCK):
            found.update(word for word in told if word not in english.DETERMINERS)
    return frozenset(found)


def _expanded(said: list[str]) -> list[str]:
    """Contractions in full: "I'm" as "I am", "isn't" as "is not"."""
    whole: list[str] = []
    for word in said:
        stem, _, end = word.rpartition("'")
        if word in english.CONTRACTED_NEGATIONS:
            whole += [english.CONTRACTED_NEGATIONS[word], "not"]
        elif word.endswith("n't"):
            whole += [word[:-3], "not"]
        elif stem and end in english.CONTRACTED:
            whole += [stem, english.CONTRACTED[end]]
        elif stem in english.NO_OWNERS and end == "s":
            whole += [stem, "is"]
        else:
            whole.append(word)
    return whole


def _start(said: list[str]) -> int:
    """The index at which the assertion begins: after "well", after "the doctor says"."""
    start = 0
    for i, (word, follower) in enumerate(pairwise(said)):
        if word in english.REPORTS and follower in english.REPORTED:
            start = i + 1
    while start < len(said) and said[start] in english.OPENERS:
        start += 1
    return start


def _parts(said: list[str]) -> _Parts | None:
    """The parts of a clause; none without a verb, or if it is about something said elsewhere."""
    end = pivot = _pivot(said)
    while end < len(said) and said[end] in english.AUXILIARIES:
        end += 1
    if not 0 < pivot <= SUBJECT_WORDS_MAX or end == len(said):
        return None
    subject, group, rest = said[:pivot], frozenset(said[pivot:end]), said[end:]
    parts = (
        _of_change(subject, group, rest)
        or _of_ending(subject, group, rest)
        or (_of_verb if group.isdisjoint(english.BE) else _of_being)(subject, group, rest)
    )
    here = parts.subject and english.ELSEWHERE.isdisjoint(parts.subject)
    return parts if here and _subject(parts.subject) else None


def _pivot(said: list[str]) -> int:
    """The index at which the verb begins; 0 if none is known."""
    if said and said[0] in english.SPEAKERS:
        return 1
    known = (i for i, word in enumerate(said) if i and _is_verb(said, i))
    singular = next(known, 0)
    if singular or not said:
        return singular
    first = 2 if said[0] in english.DETERMINERS else 1
    rest = enumerate(said[first : first + 2], first)
    return next((i for i, word in rest if english.SINGULAR.search(word)), 0)


def _is_verb(said: list[str], i: int) -> bool:
    if said[i] in english.PRESENT | english.ENDING and said[i - 1] in english.BEFORE_NOUNS:
        return False  # "after work", "the run"
    return said[i] in english.VERBS or said[i] in english.ENDING


def _of_change(subject: list[str], group: frozenset[str], rest: list[str]) -> _Parts | None:
    """As "the meeting moved to four", "they changed the password", "I moved to Oslo"."""
    if rest[0] not in english.CHANGED:
        return None
    to = rest.index("to") if "to" in rest else len(rest)
    what = list(takewhile(lambda word: word not in {"to", "from", "back"}, rest[1:]))
    if subject[0] in english.CHANGERS and what:
        subject = what
    return _Parts(subject, group, _verb(rest[0]), rest[to + 1 :], changes=True)


def _of_ending(subject: list[str], group: frozenset[str], rest: list[str]) -> _Parts | None:
    """As "I gave up coffee", "the party is cancelled"."""
    if english.APART.search(" ".join(rest)):
        return _Parts(subject, group, "part", [], ends=True)
    if rest == ["died"] or (rest[-1] in english.ENDED and not group.isdisjoint(english.BE)):
        return _Parts(subject, group, "end", [], ends=True)
    text = " ".join(rest)
    found = english.ENDS.match(text) if group.isdisjoint(english.NOT) else None
    if found is None:
        return None
    verb = "leave" if rest[0] == "left" else "end"
    return _Parts(subject, group, verb, text[found.end() :].split(), ends=True)


def _of_being(subject: list[str], group: frozenset[str], rest: list[str]) -> _Parts:
    head, value = rest[0], rest[1:]
    verb = "be"
    if head in {"called", "named"}:
        verb, rest = "call", value
    elif "name" in subject:
        verb, subject = "call", [word for word in subject if word != "name"]
    elif head == "based":
        verb, rest = "live", value
    elif head in english.LOCATED and value:
        rest = value
    elif head.endswith("ing") and value:
        verb, rest = _verb(head), value
    elif head in {"my", "our", "the"} and stems(" ".join(value)) & (
        english.ATTRIBUTES | english.ROLES
    ):
        subject, rest = rest, subject  # "Blue is my favourite colour"
    return _Parts(subject, group, verb, rest, past=not group.isdisjoint(english.WAS))


def _of_verb(subject: list[str], group: frozenset[str], rest: list[str]) -> _Parts:
    head, value = rest[0], rest[1:]
    ended = bool(english.PAST_ENDING.search(head)) or head in english.PAST
    if not group.isdisjoint(english.HAVE) and not ended:
        return _Parts(subject, group, "have", rest)
    verb = _verb(head)
    if verb == "work" and value:
        verb = english.WORKS.get(value[0], verb)
    elif verb in english.LIKED:
        verb = "like"
    elif verb in english.OPPOSITES:
        verb = english.OPPOSITES[verb]
        group = group - english.NOT if english.NOT & group else group | {"not"}
    past = ended or not group.isdisjoint(english.WAS)
    return _Parts(subject, group, verb, value, past=past)


def _verb(word: str) -> str:
    return next(iter(stems(word)), word)


def _subject(said: list[str]) -> frozenset[str]:
    if said[0] in english.SPEAKERS or (len(said) == 1 and said[0] in english.OWNERS):
        return SPEAKER
    directions = english.DIRECTIONS.intersection(said)
    return stems(" ".join(word for word in said if word != "new")) | directions


def _names(clause: str) -> frozenset[str]:
    """Terms written with a capital; the first word is, whatever it is."""
    return stems(" ".join(word for word in clause.split()[1:] if word[:1].isupper()))
