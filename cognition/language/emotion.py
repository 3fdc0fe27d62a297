"""Appraisal: what a text says about how it felt, from the emotion words of its language.

A text without any such word is neutral exactly, so that it changes no decay. There is no lexicon of
arousal with a licence that would let us ship it; arousal is read from how strong the words are.
"great" and "bad" are small change of talk, so only what is stronger arouses.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from math import sqrt

from cognition.language.feelings import (
    ENGLISH,
    FIRST_PERSON,
    LANGUAGES,
    PERSONAL,
    TECHNICAL,
    language_of,
)

# Few and plain: words that ordinary talk is full of ("remember") would mark everything.
IMPORTANCE = frozenset(
    {
        *("crucial", "deadline", "important", "importantly", "urgent", "urgently", "vital"),
    }
)

PUNCTUATION = string.punctuation + "“”„«»¿¡…‘’–—"
STRENGTH_MAX = 4.0  # The lexicon's scale ends here.
SATURATION = 15.0  # Hutto & Gilbert's; a sum of 4 has valence .72.
NEGATED = -0.74  # Their measurement: "not good" is weaker than "bad".
CAPITALS = 0.733
REACH = 3  # Words before an emotion word that may negate or boost it.
BOOST = 0.293
BOOST_FADES = 0.95  # Per word in between.
AROUSAL_REST = 0.1
# What ordinary talk is full of; unpleasant words arouse more than pleasant ones as strong.
ORDINARY_PLEASANT, ORDINARY_UNPLEASANT = 3.2, 1.85
LENGTH_WORDS, LENGTH_POWER = 20, 0.25  # One strong word says less of a long text.
AROUSAL_PER_EXCLAMATION, EXCLAMATIONS_MAX = 0.06, 3
AROUSAL_NEUTRAL, SALIENCE_NEUTRAL = 0.3, 0.5
SALIENCE_BY_AROUSAL = 0.2
SALIENCE_BY_CUE = (0.0, 0.1, 0.2)  # None, one, several.


@dataclass(frozen=True)
class Appraisal:
    """The feeling of a text.

    Args:
        valence: -1 (unpleasant) to 1 (pleasant); 0 is neutral.
        arousal: 0 (calm) to 1 (excited); up to .3 is neutral.
        salience: 0 (trivial) to 1 (important); .5 is neutral.
    """

    valence: float
    arousal: float
    salience: float


@dataclass(frozen=True)
class _Lexicon:
    strengths: Mapping[str, float]
    boosters: Mapping[str, float]
    negations: frozenset[str]
    beginnings: Mapping[str, float] = field(default_factory=dict)


@cache
def _emoji() -> Mapping[str, float]:
    """Strengths of emoji: those of the words of their English names."""
    from vader import SentimentIntensityAnalyzer
    from vader.data.emoji import EMOJI

    felt = SentimentIntensityAnalyzer().lexicon
    return {each: sum(felt.get(word, 0.0) for word in name.split()) for each, name in EMOJI.items()}


@cache
def _lexicon(language: str | None) -> _Lexicon:
    # At first use: loading takes 10 ms, and who never appraises needs no lexicon.
    if language == ENGLISH:
        from vader import SentimentIntensityAnalyzer

        analyzer = SentimentIntensityAnalyzer()
        without = {*analyzer.booster, "no"} | TECHNICAL
        felt = {word: v for word, v in analyzer.lexicon.items() if word not in without}
        return _Lexicon(felt, analyzer.booster, analyzer.negations | {"no"})
    if language is None:
        return _Lexicon({}, {}, frozenset())
    known = LANGUAGES[language]
    return _Lexicon({}, dict.fromkeys(known.boosters, BOOST), known.negations, known.feelings)


def appraise(text: str) -> Appraisal:
    """Valence, arousal and salience of a text; a function of the text alone.

    Each emotion word has a strength v of -4 to 4, changed by words before it: negations (x -.74)
    and boosters ("very"), and by capitals in a text that is not all capitals. With V = sum v, n
    words, o = 3.2 for pleasant words and 1.85 for unpleasant ones, x = |v| min(1, (20 / n)^.25) of
    the word with the greatest x / o, and e exclamation marks, 3 at most:

        valence = V / sqrt(V^2 + 15)
        arousal = .1 + .2 (x / o)^2 where x <= o, else min(1, .3 + .7 (x - o) / (4 - o) + .06 e)
        salience = min(1, .5 + .2 max(0, (arousal - .3) / .7) + cues)

    where one word of importance ("urgent", "deadline") adds .1 and several .2.

    Args:
        text: in English, or one of six other languages of which a few words are known; any other
            is neutral but for its emoji.

    Returns:
        Valence 0, arousal .1 and salience .5 if there is no such word.

    Source: Hutto & Gilbert (2014), Proceedings of ICWSM 8 (VADER): lexicon, negation, boosters and
    capitals. Warriner, Kuperman & Brysbaert (2013), Behavior Research Methods 45:1191: arousal
    rises with the strength of valence, more so for unpleasant words. Differs: one pass, no idioms.

    >>> appraise("The meeting is on Tuesday.")
    Appraisal(valence=0.0, arousal=0.1, salience=0.5)
    >>> appraise("I was absolutely terrified!").valence < -0.5
    True
    """
    words, strengths = _words(text)
    lowered = [word.lower() for word in words]
    lexicon = _lexicon(language_of(lowered))
    own = not FIRST_PERSON.isdisjoint(lowered)
    shouted = all(word.isupper() for word in words)
    strengths += [
        _strength(lowered, i, lexicon, capitals=words[i].isupper() and not shouted)
        for i, word in enumerate(lowered)
        if own or word not in PERSONAL
    ]
    strengths = [strength for strength in strengths if strength]
    cues = SALIENCE_BY_CUE[min(2, len(IMPORTANCE.intersection(lowered)))]
    if not strengths:
        return Appraisal(0.0, AROUSAL_REST, SALIENCE_NEUTRAL + cues)
    total = sum(strengths)
    arousal = _arousal(strengths, len(words), text.count("!"))
    excess = max(0.0, (arousal - AROUSAL_NEUTRAL) / (1 - AROUSAL_NEUTRAL))
    return Appraisal(
        valence=total / sqrt(total * total + SATURATION),
        arousal=arousal,
        salience=min(1.0, SALIENCE_NEUTRAL + SALIENCE_BY_AROUSAL * excess + cues),
    )


def _arousal(strengths: list[float], length: int, exclamations: int) -> float:
    share: float = min(1.0, (LENGTH_WORDS / max(1, length)) ** LENGTH_POWER)
    felt, ordinary = max(
        ((abs(v) * share, ORDINARY_PLEASANT if v > 0 else ORDINARY_UNPLEASANT) for v in strengths),
        key=lambda pair: pair[0] / pair[1],
    )
    if felt <= ordinary:
        return AROUSAL_REST + (AROUSAL_NEUTRAL - AROUSAL_REST) * (felt / ordinary) ** 2
    above = (felt - ordinary) / (STRENGTH_MAX - ordinary)
    exclaimed = AROUSAL_PER_EXCLAMATION * min(EXCLAMATIONS_MAX, exclamations)
    return min(1.0, AROUSAL_NEUTRAL + (1 - AROUSAL_NEUTRAL) * above + exclaimed)


def _words(text: str) -> tuple[list[str], list[float]]:
    """The words of a text, and the strengths of its emoji."""
    pictured: list[float] = []
    if not text.isascii():
        text = text.replace("’", "'")
        felt = _emoji()
        pictured = [felt[each] for each in text if each in felt]
        text = "".join(" " if each in felt else each for each in text)
    words = (word.strip(PUNCTUATION) for word in text.split())
    return [word for word in words if word], pictured


def _looked_up(word: str, lexicon: _Lexicon) -> float:
    begun = (v for stem, v in lexicon.beginnings.items() if word.startswith(stem))
    return lexicon.strengths.get(word) or next(begun, 0.0)


def _strength(lowered: list[str], i: int, lexicon: _Lexicon, *, capitals: bool) -> float:
    """Strength of the emotion word at `i`, as the words before it and its capitals change it."""
    strength = _looked_up(lowered[i], lexicon)
    if not strength:
        return 0.0
    sign = 1.0 if strength > 0 else -1.0
    if capitals:
        strength += sign * CAPITALS
    for back in range(1, min(REACH, i) + 1):
        before = lowered[i - back]
        strength += sign * lexicon.boosters.get(before, 0.0) * BOOST_FADES ** (back - 1)
        if before in lexicon.negations or before.endswith("n't"):
            strength *= NEGATED
            sign = -sign
    return strength
