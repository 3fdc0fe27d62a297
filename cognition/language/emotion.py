"""Appraisal: what a text says about how it felt, from a lexicon of emotion words. English only.

A text without any such word is neutral exactly, so that it changes no decay. There is no lexicon of
arousal with a licence that would let us ship it; arousal is read from how strong the words are.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import sqrt

# Few and plain: words that ordinary talk is full of ("remember") would mark everything.
IMPORTANCE = frozenset(
    {
        *("allergic", "allergy", "critical", "crucial", "deadline", "emergency", "essential"),
        *("important", "importantly", "password", "urgent", "urgently", "vital"),
    }
)

STRENGTH_MAX = 4.0  # The lexicon's scale ends here.
SATURATION = 15.0  # Hutto & Gilbert's; a sum of 4 has valence .72.
NEGATED = -0.74  # Their measurement: "not good" is weaker than "bad".
CAPITALS = 0.733
REACH = 3  # Words before an emotion word that may negate or boost it.
BOOST_FADES = 0.95  # Per word in between.
AROUSAL_REST = 0.1
POSITIVE_SHARE = 0.75  # Unpleasant words arouse more than pleasant ones of the same strength.
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
    emoji: Mapping[str, str]


@cache
def _lexicon() -> _Lexicon:
    # At first use: loading takes 10 ms, and who never appraises needs no lexicon.
    from vader import SentimentIntensityAnalyzer
    from vader.data.emoji import EMOJI

    analyzer = SentimentIntensityAnalyzer()
    modifiers = {*analyzer.booster, "no"}
    return _Lexicon(
        {word: v for word, v in analyzer.lexicon.items() if v and word not in modifiers},
        analyzer.booster,
        analyzer.negations | {"no"},
        EMOJI,
    )


def appraise(text: str) -> Appraisal:
    """Valence, arousal and salience of a text; a function of the text alone.

    Each emotion word has a strength v of -4 to 4, changed by words before it: negations (x -.74)
    and boosters ("very"), and by capitals in a text that is not all capitals. With V = sum v,
    g = |v| / 4 of the strongest, 3/4 of that if it is pleasant, and e exclamation marks, 3 at most,
    counted only beside emotion words:

        valence = V / sqrt(V^2 + 15)
        arousal = min(1, .1 + .9 g^2 + .06 e)
        salience = min(1, .5 + .2 max(0, (arousal - .3) / .7) + cues)

    where one word of importance ("urgent", "deadline") adds .1 and several .2.

    Args:
        text: in English; other languages are neutral but for their emoji.

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
    lexicon = _lexicon()
    words = _words(text, lexicon.emoji)
    lowered = [word.lower() for word in words]
    shouted = all(word.isupper() for word in words)
    strengths = [
        _strength(lowered, i, lexicon, capitals=words[i].isupper() and not shouted)
        for i, word in enumerate(lowered)
        if word in lexicon.strengths
    ]
    strengths = [strength for strength in strengths if strength]
    cues = SALIENCE_BY_CUE[min(2, len(IMPORTANCE.intersection(lowered)))]
    if not strengths:
        return Appraisal(0.0, AROUSAL_REST, SALIENCE_NEUTRAL + cues)
    total = sum(strengths)
    grip = max(v * POSITIVE_SHARE if v > 0 else -v for v in strengths) / STRENGTH_MAX
    exclaimed = AROUSAL_PER_EXCLAMATION * min(EXCLAMATIONS_MAX, text.count("!"))
    arousal = min(1.0, AROUSAL_REST + (1 - AROUSAL_REST) * grip**2 + exclaimed)
    excess = max(0.0, (arousal - AROUSAL_NEUTRAL) / (1 - AROUSAL_NEUTRAL))
    return Appraisal(
        valence=total / sqrt(total * total + SATURATION),
        arousal=arousal,
        salience=min(1.0, SALIENCE_NEUTRAL + SALIENCE_BY_AROUSAL * excess + cues),
    )


def _words(text: str, emoji: Mapping[str, str]) -> list[str]:
    if not text.isascii():
        text = text.replace("’", "'")
        text = "".join(f" {emoji[each]} " if each in emoji else each for each in text)
    return [word.strip(string.punctuation) or word for word in text.split()]


def _strength(lowered: list[str], i: int, lexicon: _Lexicon, *, capitals: bool) -> float:
    """Strength of the emotion word at `i`, as the words before it and its capitals change it."""
    strength = lexicon.strengths[lowered[i]]
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
