"""The wording of a text: equal for texts that say the same in nearly the same words."""

import re
import unicodedata

from cognition.language.tongues import language_of

# Punctuation around a word says nothing; signs such as C++, #1, -5, <5 and .5 do.
_BEFORE = "\"'`´“”„‘’‚«»‹›([{（「『【"
_BEHIND = ".,;:!…\"'`´“”„‘’‚«»‹›)]}。、，！；：）」』】।،"
_NEGATION = re.compile(r".*n't|not|no|never|nor|none|nobody|nothing|neither|without|hardly|cannot")
_WHOLE = {"can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not"}
_ENDINGS = {"n't": "not", "'m": "am", "'re": "are", "'ve": "have", "'ll": "will"}
# Words that hardly another language has: a text without one is left as it is.
_ENGLISH = """
    i i'm i've the my is are was you we they it it's he she this that and with have has don't not
    can't cannot your our his her their of to
"""
_TELLING = frozenset(_ENGLISH.split())
_ARTICLES = frozenset(("a", "an", "the"))
_INTERJECTIONS = "oh ah um uh er well hey hi hello ok okay so"
_FIRST = frozenset(_INTERJECTIONS.split())
# After "not" they change what is said.
_INTENSIFIERS = """
    actually absolutely definitely honestly just literally please quite really simply so truly very
"""
_STRESS = frozenset(_INTENSIFIERS.split())


def wording(text: str) -> tuple[str, ...]:
    """The words of a text without what a second telling changes, in their order.

    That is case and punctuation; in English also contractions, articles, words of stress (unless
    something is denied) and interjections before a comma. Numbers, names, signs, questions,
    negations, tense and order stay: texts that differ in one of these do not say the same.

    Args:
        text: any text, of any script.

    Returns:
        The words; a text of punctuation alone is its own word.

    Source: none.

    >>> wording("Oh, I really love the pizza!!") == wording("i love pizza")
    True
    >>> wording("I don't really love pizza") == wording("I don't love pizza")
    False
    >>> wording("I write C++") == wording("I write C#")
    False
    """
    plain = unicodedata.normalize("NFC", text).replace("’", "'").strip()
    words = [word for each in plain.split() if (word := _trimmed(each))]
    lower = [word.lower() for word in words]
    if not _TELLING.isdisjoint(lower) and language_of(lower) == "english":
        words = _english(plain, words)
    return tuple(map(str.casefold, words)) or (plain,)


def _english(plain: str, words: list[str]) -> list[str]:
    lower = [word.lower() for word in words]
    if lower[0] in _FIRST and plain.split()[0].endswith(","):
        words, lower = words[1:], lower[1:]
    dropped = _ARTICLES if any(map(_NEGATION.fullmatch, lower)) else _ARTICLES | _STRESS
    left = [
        part
        for at, (word, low) in enumerate(zip(words, lower, strict=True))
        # A capital A that does not begin the text is a name: vitamin A, plan A.
        if low not in dropped or (word == "A" and at > 0)
        for part in _parts(low)
    ]
    return left or words


def _trimmed(word: str) -> str:
    trimmed = word.lstrip(_BEFORE).rstrip(_BEHIND)
    # A dash between words is punctuation; an emoji, an arrow or a question mark is not.
    says = any(unicodedata.category(sign)[0] in "LNMS" or sign in "?？؟" for sign in trimmed)
    return trimmed if says or len(trimmed) > 1 else ""


def _parts(word: str) -> list[str]:
    if word in _WHOLE:
        return _WHOLE[word].split()
    for ending, whole in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            return [word.removesuffix(ending), whole]
    return [word]
