"""Words and terms: one tokeniser for what is stored and what is asked."""

import re
import unicodedata
from functools import lru_cache

import Stemmer

# Enough for the vocabulary of a large namespace; a word costs about 100 bytes.
CACHED_WORDS_MAX = 65_536

# Letters and digits of any script; an apostrophe belongs to the word it stands in.
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_CONTRACTED = re.compile(r"(?:n't|'(?:s|d|m|t|ll|re|ve))$")

# English words that say nothing about a subject. "may" is not among them: dates hold it.
_STOP_WORDS = """
    a an the this that these those
    i me my mine myself we us our ours ourselves you your yours yourself yourselves
    he him his himself she her hers herself it its itself they them their theirs themselves
    who whom whose which what when where why how
    am is are was were be been being have has had having do does did doing done
    will would shall should can can't could might must ought won't shan't ain't cannot
    and or but nor if then than so because as while until although though
    of at by for with about against between into through during before after above below
    to from up down in out on off over under again further once upon
    here there all any both each few more most other some such no not only own same too very
    just also
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def words(text: str) -> list[str]:
    """The words of a text in their order, case folded, none left out.

    Spellings that Unicode calls compatible give the same words; a number loses leading zeros, so
    that "8 May" finds what is dated 08 May.

    Args:
        text: any text.

    Returns:
        The words, each at least one letter or digit.

    Source: none; Unicode's own case folding and normal form KC.

    >>> words("[08 May 2023] Zoë: Don’t stop!")
    ['8', 'may', '2023', 'zoë', "don't", 'stop']
    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    found: list[str] = _WORD.findall(folded)
    return [
        word.lstrip("0") or "0" if word[0] == "0" and word.isdecimal() else word for word in found
    ]


def terms(text: str) -> list[str]:
    """The terms by which texts are compared: English stems of the words, without stop words.

    Args:
        text: any text; words of other languages are stemmed as if they were English, on both sides
            alike.

    Returns:
        The terms in the order of their words, repeated as they are.

    Source: Porter (1980), Program 14:130; the English stemmer of Snowball.

    >>> terms("[08 May 2023] Zoë: Melanie's paintings don't sell.")
    ['8', 'may', '2023', 'zoë', 'melani', 'paint', 'sell']
    """
    return [term for word in words(text) if (term := _term(word))]


# Without a cache of its own: `_term` has one, and a stemmer's is not made for several threads.
_STEMMER = Stemmer.Stemmer("english", 0)


@lru_cache(CACHED_WORDS_MAX)
def _term(word: str) -> str:
    """The stem of a word; empty for a stop word, also for a contracted one ("she's")."""
    whole = _CONTRACTED.sub("", word)
    if word in STOP_WORDS or whole in STOP_WORDS:
        return ""
    stem: str = _STEMMER.stemWord(whole)
    return stem
