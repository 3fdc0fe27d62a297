"""Spelling: what of a text's characters makes no other word, and how scripts set words apart."""

import unicodedata

import regex

# Sets of characters, for patterns of `regex` in its version 1. Some scripts set no space between
# words: what has no cut in it is a run of them.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}--\p{N}--\p{P}]"
_LETTER = rf"[\p{{L}}\p{{N}}--{UNSPACED}]"
# A word of any other: letters and digits with their marks.
SPACED = rf"{_LETTER}[{_LETTER}\p{{M}}]*"

# Nobody sees them; and vowels and lengths that Arabic and Hebrew mostly leave out.
_UNSEEN = regex.compile(
    r"[\p{Default_Ignorable_Code_Point}\u0640\u064b-\u065f\u0670\u0591-\u05bd\u05bf\u05c1-\u05c7]"
)
_PARTICLE = regex.compile(
    "(?<=.)(?:에서|으로|에게|한테|부터|까지|이랑|하고|은|는|이|가|을|를|에|의|도|로|와|과|만|랑)$"
)
_SAME = str.maketrans({"’": "'", "ё": "е", "Ё": "Е"})


def composed(text: str) -> str:
    """A text in one spelling, its case kept.

    Args:
        text: any text.

    Returns:
        Normal form KC, without characters that nobody sees or that most leave out.

    Source: Unicode Standard Annex 15.

    >>> composed("Zoe\u0308’s ta\u200bble")
    "Zoë's table"
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).translate(_SAME)


def folded(text: str) -> str:
    """A text in one spelling and one case.

    Args:
        text: any text.

    Returns:
        As of `composed`, case folded.

    Source: Unicode Standard, section 3.13, caseless matching of compatible strings.

    >>> folded("İSTANBUL STRASSE") == folded("istanbul Straße")
    True
    """
    if text.isascii():
        return text.lower()
    # Turkish has a capital with a point, which folds to two characters.
    return unicodedata.normalize("NFKC", composed(text).casefold().replace("i\u0307", "i"))


def without_particle(word: str) -> str:
    """A Korean word without the particle that is written at its end; any other as it is.

    Args:
        word: one word.

    Returns:
        At least its first syllable.

    Source: none; the particles that stand behind nouns.

    >>> without_particle("서울에서"), without_particle("이")
    ('서울', '이')
    """
    return str(_PARTICLE.sub("", word))
