"""Words and terms: one tokeniser for what is stored and what is asked."""

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from itertools import chain, pairwise

import regex
import Stemmer

from cognition.language.dates import cardinal, with_months, without_groups
from cognition.language.spelling import SPACED, UNSPACED, folded, without_particle
from cognition.language.tongues import (
    ENGLISH,
    STOP_WORDS,
    language_of,
    says_nothing,
    stemmers_of,
    without_prefix,
)

# Enough for the vocabulary of a large namespace; a word costs about 100 bytes.
CACHED_WORDS_MAX = 65_536

# Of texts in ASCII, by the standard library: three times as fast. An apostrophe belongs to the word
# it stands in.
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_ANY_WORD = regex.compile(rf"(?V1)(?:{UNSPACED}\p{{M}}*)+|{SPACED}(?:'{SPACED})*")
_RUN = regex.compile(rf"(?V1){UNSPACED}")
_CHARACTER = regex.compile(r"\P{M}\p{M}*")
_IDEOGRAPH = regex.compile(r"\p{Han}")
_HANGUL = regex.compile(r"\p{Hangul}")
_CONTRACTED = re.compile(r"(?:n't|'(?:s|d|m|t|ll|re|ve))$")


def words(text: str) -> list[str]:
    """The words of a text in their order, case folded, none left out.

    Spellings that Unicode calls compatible give the same words; a number loses leading zeros,
    commas and the ending of an ordinal, so that "8 May" finds what is dated 08 May.

    Args:
        text: any text.

    Returns:
        The words, each at least one letter or digit.

    Source: none; Unicode's own case folding and normal form KC.

    >>> words("[08 May 2023] Zoë: Don’t stop!")
    ['8', 'may', '2023', 'zoë', "don't", 'stop']
    """
    return _cut(without_groups(folded(text)))


def _cut(said: str) -> list[str]:
    found: list[str] = (_WORD if said.isascii() else _ANY_WORD).findall(said)
    return [_number(word) if word[0].isdecimal() else word for word in found]


def _number(word: str) -> str:
    """A number in the digits and without the zeros that others write; any other word as it is."""
    word = cardinal(word)
    if not word.isdecimal():
        return word
    digits = word if word.isascii() else "".join(str(unicodedata.decimal(each)) for each in word)
    return digits.lstrip("0") or "0"


def terms(text: str) -> list[str]:
    """The terms by which texts are compared: stems of the words that say something.

    Args:
        text: any text.

    Returns:
        The terms of `terms_by_word`, one after the other.

    Source: as of `terms_by_word`.

    >>> terms("[08 May 2023] Zoë: Melanie's paintings don't sell.")
    ['8', 'may', '2023', 'zoë', 'melani', 'paint', 'sell']
    >>> terms("我住在Zürich")
    ['我', '住', '在', '我住', '住在', 'zürich']
    """
    return list(chain.from_iterable(terms_by_word(text)))


def terms_by_word(text: str) -> list[tuple[str, ...]]:
    """The terms of a text, together for each of its words.

    A word in Latin letters has its English stem, and that of its text's language where this is
    another; one in another script the stem of the language that most write in it. What is written
    without spaces has pairs of characters, and ideographs by themselves. Words of no subject are
    left out, in English, in the text's language and in a script's.

    Args:
        text: any text.

    Returns:
        The terms in the order of their words, repeated as they are; no word without one.

    Source: Porter (1980), Program 14:130; the stemmers of Snowball. Kwok (1997), SIGIR: pairs of
    characters and characters find Chinese as well as words do.

    >>> terms_by_word("Wo sind meine Fahrräder?")
    [('fahrräder', 'fahrrad')]
    """
    said = _cut(with_months(without_groups(folded(text))))
    language = language_of(said)
    return [found for word in said if (found := _terms(word, language))]


@cache
def _stem_by(name: str) -> Callable[[str], str]:
    stem: Callable[[str], str] = Stemmer.Stemmer(name, 0).stemWord
    # What is left of an ending by the first, as in Turkish, the second takes.
    return stem if name == ENGLISH else lambda word: stem(stem(word))


@lru_cache(CACHED_WORDS_MAX)
def _terms(word: str, language: str) -> tuple[str, ...]:
    """The terms of a word, each once; none for one that says nothing."""
    if not word.isascii():
        if _RUN.match(word):
            return _terms_of_run(word)
        if _HANGUL.match(word):
            return _terms_of_hangul(word)
    whole = _CONTRACTED.sub("", word)
    if word in STOP_WORDS or whole in STOP_WORDS or says_nothing(word, language):
        return ()
    bare = without_prefix(whole, language)
    stems = [stem(bare) for stem in map(_stem_by, stemmers_of(word, language))]
    # Turkish I, which its stemmer needs, and which others write i.
    return tuple(dict.fromkeys(each.replace("ı", "i") for each in stems or [bare]))


def _terms_of_run(run: str) -> tuple[str, ...]:
    """Pairs of neighbouring characters, and those characters that are words by themselves."""
    characters = _CHARACTER.findall(run)
    if len(characters) == 1:
        return (run,)
    alone = [each for each in characters if _IDEOGRAPH.match(each)]
    return (*alone, *map("".join, pairwise(characters)))


def _terms_of_hangul(word: str) -> tuple[str, ...]:
    """As of a run, without a particle at its end; a syllable before one may be a word by itself."""
    stem = without_particle(word)
    alone = stem if len(stem) == 1 else ""
    return (*alone, *map("".join, pairwise(word if alone else stem)))
