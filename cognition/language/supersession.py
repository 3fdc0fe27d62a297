"""Supersession: whether a newer statement puts another value in place of an older one's.

Read off the words, without a language model. A wrong yes costs a memory its rank, a wrong no leaves
the ranking as it was: what is in doubt is a no. English; other languages hardly get a yes.
"""

from dataclasses import dataclass

from cognition.language import english
from cognition.language.assertions import SPEAKER, Assertion, Reading, measures, read

# Only the words decide: the cosine is as high for two visits to two towns as for two addresses of
# one person. It saves work; the least alike of the changed facts that words can tell had .44.
COSINE_MIN = 0.4
# Where only likeness tells what a new date is of; two such dates of other things had .36 and less.
REDATED_COSINE_MIN = 0.45
SHARED_TERMS_MIN = 2  # Beside the value that is replaced; one may be chance.
NAMED_TERMS_MIN = 2  # "the Aire Valley half" is one race; "May" may be many things.
DENIED_TERMS_MIN = 2  # "I'm not afraid" of this does not contradict "I'm afraid" of that.
SHORT_TERMS_MAX = 4  # Of a longer value the rest may be another matter.

_SINGLE = frozenset({"work for", "work as"})  # One value at a time.
_CHANGED_AT_ALL = english.stems(
    "changed switched updated upgraded renamed migrated raised lowered increased decreased reduced"
    " extended shortened"
)
_NAMING = {"be", "call"}


@dataclass(frozen=True)
class Statement:
    """A statement, its speaker and its time.

    Args:
        text: as it was said, without date or speaker.
        speaker: who said it, if that is known.
        time_ms: when, in milliseconds since 1970.
    """

    text: str
    speaker: str | None
    time_ms: int


def supersedes(older: Statement, newer: Statement, *, cosine: float) -> bool:
    """True where `newer` says that what `older` says no longer holds, or has another value.

    Yes if both have the same speaker (or none), `newer` is later, the cosine is at least
    COSINE_MIN, and what they say, questions and suppositions left out, is one of these:

    - the same subject and verb with another value, where there is one at a time (a name, a number,
      a time, a home, an employer) or the newer one says that it is new ("now", "these days");
    - the same subject, of which the newer one says that it changed ("moved to", "cancelled");
    - one denies in the present what the other says ("no longer", "gave up");
    - the newer one names the value of the older one as wrong or gone ("220, not 240");
    - the newer one gives another date of it ("it's Saturday the fourth now").

    Args:
        older: the statement that may be out of date.
        newer: the one that may replace it.
        cosine: of their vectors as they are indexed, with date and speaker, -1 to 1.

    Returns:
        Whether the older one is out of date.

    Source: none; "same subject and attribute, other value" in words.

    >>> rome, oslo = Statement("I live in Rome.", "Ann", 0), Statement("I moved to Oslo.", "Ann", 1)
    >>> supersedes(rome, oslo, cosine=0.8), supersedes(oslo, rome, cosine=0.8)
    (True, False)
    """
    if newer.time_ms <= older.time_ms or cosine < COSINE_MIN:
        return False
    if (older.speaker or "").casefold() != (newer.speaker or "").casefold():
        return False
    before = read(older.text, older.speaker or "")
    after = read(newer.text, newer.speaker or "")
    return (
        any(_replaces(old, new) for new in after.assertions for old in before.assertions)
        or any(_ends(before, new) for new in after.assertions if new.ends)
        or any(_displaces(before, after, value) for value in after.gone)
        or any(_contrasts(before, after, value) for value in after.wrong)
        or any(_moves(old, new) for new in after.assertions for old in before.assertions)
        or (cosine >= REDATED_COSINE_MIN and _redates(before, after))
    )


def _replaces(old: Assertion, new: Assertion) -> bool:
    if old.subject != new.subject or new.ends or old.past or old.changes or old.ends:
        return False
    if new.changes:
        return _holds(old) and not new.negated and _changes(old, new)
    named = {old.verb, new.verb} == _NAMING and old.named and new.named and old.subject != SPEAKER
    if new.past or (old.verb != new.verb and not named):
        return False
    if old.negated != new.negated:
        return _denies(old, new)
    return not new.negated and (_turns(old, new) or _revalues(old, new))


def _turns(old: Assertion, new: Assertion) -> bool:
    """Same subject: whether it is now in another state of those that exclude each other."""
    was, now = (_state(said.value) for said in (old, new))
    if old.verb != "be" or not was or not now or was == now:
        return False
    if english.STATES[was] != english.STATES[now]:
        return False
    rest = new.value - {now}
    return rest <= old.value or (new.renewed and rest <= new.measured)


def _state(value: frozenset[str]) -> str:
    return min(value & english.STATES.keys(), default="")


def _revalues(old: Assertion, new: Assertion) -> bool:
    """Same subject and verb: whether another value of the same kind takes the place of the old."""
    if new.more or not (old.value - new.value and new.value - old.value) or _beside(old, new):
        return False
    if (
        {old.verb, new.verb} == {"be"}
        and new.renewed
        and not old.subject.isdisjoint(english.ONE_AT_A_TIME)
    ):
        return True
    if old.measured and new.measured and not (old.named and new.named):
        return _remeasures(old, new)
    if bool(old.measured) != bool(new.measured):
        return False
    if old.verb == "live":
        return old.placed and new.placed
    if not {old.verb, new.verb} <= _NAMING:
        return old.verb in _SINGLE or _substitutes(old, new)
    if new.renewed and old.placed and new.placed:
        return True
    if bool(old.named) != bool(new.named):
        return False
    attribute = _is_attribute(old) and old.subject.isdisjoint(english.CODES)
    if "call" in {old.verb, new.verb} or attribute or (_is_role(old) and old.named):
        return True
    alike = bool(old.named) or not old.value.isdisjoint(new.value)
    return new.renewed and alike and old.subject != SPEAKER


def _beside(old: Assertion, new: Assertion) -> bool:
    """True where both may hold, each in its own place or time: "on Mondays", "at home"."""
    if old.where == new.where:
        return False
    if _is_attribute(old) or new.renewed:
        return bool(old.where and new.where) and _core(old) != _core(new)
    return True


def _core(said: Assertion) -> frozenset[str]:
    return said.value - english.stems(" ".join(said.where))


def _substitutes(old: Assertion, new: Assertion) -> bool:
    """True where the newer one says that it is new, and one at a time is likely."""
    short = max(len(old.value), len(new.value)) <= SHORT_TERMS_MAX
    alike = short and bool((old.value & new.value) - old.measured)
    if old.verb in english.WISHES:  # "light mode" instead of "dark mode", not of "short answers"
        alike = alike and old.value.isdisjoint(
            english.MOODS
        )  # "I want to be sure" of this and that
        return (new.renewed and alike) or (old.verb == "prefer" and (new.renewed or alike))
    if not new.renewed or old.verb in english.CHATTY | english.SEVERAL:
        return False
    if old.subject == SPEAKER:  # "I use Git now" says nothing of Flask.
        return alike or old.verb in english.ONE_BY_ONE
    return old.verb in english.KNOWN or old.placed or alike


def _remeasures(old: Assertion, new: Assertion) -> bool:
    """True where the same thing gets another number or time: "ten minutes" is not "two grams"."""
    what, what_now = old.value - old.measured, new.value - new.measured
    if not (old.measured - new.measured and new.measured - old.measured):
        return False
    if old.subject == SPEAKER and old.verb == "be":
        return what | what_now <= english.AGE  # "I'm 33" and "I'm two minutes away"
    same = what <= what_now or what_now <= what
    return same and (new.renewed or old.verb in english.QUANTITIES or _is_attribute(old))


def _changes(old: Assertion, new: Assertion) -> bool:
    """Same subject: whether what the newer one says to have changed is what the older one says."""
    other = bool(new.value - old.value)
    if old.verb in {"live", "call"} or _is_attribute(old):
        return other or (_is_attribute(old) and not new.value)
    # "runs Ubuntu 20" and "upgraded to Ubuntu 24", "is on the Pro plan" and "to the free plan"
    if other and old.value & new.value and old.value - new.value:
        return True
    if old.verb == "work" and new.verb in english.TRANSFERS:
        return other and old.placed
    # What can move has a place or a time; "my sister has changed" says nothing of her age.
    movable = old.placed or not old.measured.isdisjoint(english.CALENDAR)
    if old.verb not in english.QUANTITIES or old.subject == SPEAKER:
        return False
    if not new.value:
        return movable and new.verb not in _CHANGED_AT_ALL
    if new.measured and old.measured:
        return other and (movable or new.verb in _CHANGED_AT_ALL)
    return other and old.placed and not new.measured


def _moves(old: Assertion, new: Assertion) -> bool:
    """True where something that the older text names in passing gets another date or number."""
    if not (new.changes and _holds(old) and old.mine and new.measured - old.measured):
        return False
    if new.negated or not old.measured or old.subject == new.subject:
        return False
    if not old.measured.isdisjoint(english.CALENDAR):
        return new.subject <= old.value and not new.measured.isdisjoint(english.CALENDAR)
    unit = new.value - new.measured
    return bool(unit and new.subject & old.value) and unit <= old.value


def _denies(old: Assertion, new: Assertion) -> bool:
    """Same subject and verb, one of both negated: whether it is about the same."""
    shared = old.value & new.value
    if new.final:
        alone = not new.value and old.verb != "be" and old.verb not in english.CHATTY
        return bool(shared) or alone
    if old.verb in english.CHATTY:
        return False
    if old.value == new.value:
        if not shared:
            return new.renewed and old.verb != "be"
        if old.verb == "be" and old.subject == SPEAKER and not new.renewed:
            return len(shared) >= DENIED_TERMS_MIN
        return bool(shared - english.MOODS)
    subset = new.value <= old.value or old.value <= new.value
    return new.renewed and subset and bool(shared - english.MOODS)


def _ends(before: Reading, new: Assertion) -> bool:
    """True where the newer text says that what the older one says has ended."""
    current = [old for old in before.assertions if _holds(old)]
    if new.verb == "part":
        return any(old.mine and _couples(old, new) for old in current)
    if not new.value:
        return new.subject != SPEAKER and any(
            old.subject == new.subject or (old.mine and _names(old, new)) for old in current
        )
    if new.verb == "leave":
        named = len(new.value) >= NAMED_TERMS_MIN or new.named
        current = [
            old
            for old in current
            if (named and old.verb in english.MEMBERSHIPS)
            or (old.verb == "live" and old.value == new.value)
        ]
    # "I gave up coffee", "I sold the Volvo": of one's own habits and things.
    own = [old for old in current if old.subject == new.subject or _both_mine(old, new)]
    over = new.value - english.SUBSCRIPTIONS or new.value
    if any(over <= old.value | {old.verb} and _is_over(old, new) for old in own):
        return True
    if any(old.value == new.subject and new.value <= old.subject for old in current):
        return True  # "The CEO is Vogel", "Vogel resigned as CEO"
    if new.subject != SPEAKER or new.verb == "leave":
        return False
    if any(old.ends and not new.value.isdisjoint(old.value) for old in before.assertions):
        return False  # It was over before.
    return len(new.named) >= NAMED_TERMS_MIN and new.value <= before.terms


def _is_over(old: Assertion, new: Assertion) -> bool:
    """True but where only a subscription is over, and the older one likes what it is for."""
    return new.value.isdisjoint(english.SUBSCRIPTIONS) or old.verb not in english.SEVERAL


def _couples(old: Assertion, new: Assertion) -> bool:
    told = old.subject | old.value | {old.verb}
    return not told.isdisjoint(english.PARTNERS) and (
        new.subject == SPEAKER or not new.subject.isdisjoint(told)
    )


def _both_mine(old: Assertion, new: Assertion) -> bool:
    return old.mine and new.subject == SPEAKER


def _names(old: Assertion, new: Assertion) -> bool:
    """True where the older one is about one thing by name, of which the newer one speaks."""
    return len(new.subject) >= NAMED_TERMS_MIN and new.subject <= old.value


def _displaces(before: Reading, after: Reading, gone: frozenset[str]) -> bool:
    """True where the older text has a value that the newer one names as wrong or gone."""
    if (
        not gone <= before.terms
        or gone <= english.CHATTY
        or any(gone & value for value in before.gone)
    ):
        return False
    if gone == measures(gone):
        return len((before.terms & after.terms) - gone) >= SHARED_TERMS_MIN
    subjects = {new.subject for new in after.assertions}
    verbs = {new.verb for new in after.assertions}
    return any(
        _holds(old)
        and (old.mine or old.subject in subjects)
        and (old.verb not in english.CHATTY | english.SEVERAL or old.verb in verbs)
        and gone <= old.value | {old.verb}
        for old in before.assertions
    )


def _contrasts(before: Reading, after: Reading, wrong: frozenset[str]) -> bool:
    """True where the newer one says the same but for a value that it calls wrong."""
    said = {(new.subject, new.verb) for new in after.assertions}
    return bool(wrong) and any(
        _holds(old) and (old.subject, old.verb) in said and wrong <= old.value
        for old in before.assertions
    )


def _redates(before: Reading, after: Reading) -> bool:
    """True where the newer text gives another date of something, which it need not name again."""
    if not after.redates or before.terms.isdisjoint(english.CALENDAR):
        return False
    shared = before.terms & after.terms
    dates, dates_now = measures(before.terms), measures(after.terms)
    differs = dates - dates_now and dates_now - dates and dates_now & english.CALENDAR
    return bool(differs and shared - dates) and len(shared) > SHARED_TERMS_MIN


def _holds(said: Assertion) -> bool:
    """True where the assertion says that something is so now."""
    return not (said.negated or said.past or said.changes or said.ends)


def _is_attribute(said: Assertion) -> bool:
    """True where its subject has one value at a time, whatever it is."""
    return not said.subject.isdisjoint(english.ATTRIBUTES) and said.subject.isdisjoint(
        english.VAGUE
    )


def _is_role(said: Assertion) -> bool:
    """True where its subject is a part that one person plays at a time."""
    return not said.subject.isdisjoint(english.ROLES - english.SHARED_ROLES)
