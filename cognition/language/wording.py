"""The wording of a text: equal for texts that say the same in nearly the same words."""

import re
import unicodedata

# Punctuation at the ends of a word says nothing; signs such as C++, #1, -5 and $5 do.
_AROUND = ".,;:!?…·\"'`´“”„‘’‚«»‹›()[]{}<>*_~。、，！？：；（）「」『』【】।؟،"
_NEGATION = re.compile(r"(?:n't|not|no|never|nor|none|nobody|nothing|neither|without|hardly)$")
_WHOLE = {"can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not"}
_ENDINGS = {"n't": "not", "'m": "am", "'re": "are", "'ve": "have", "'ll": "will"}
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

    That is case, punctuation, contractions, articles, words of stress (unless something is denied)
    and interjections at the beginning, the last three in English. Numbers, names, signs, negations,
    tense and order stay: texts that differ in one of these do not say the same.

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
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    words = [word for each in folded.split() if (word := _trimmed(each))]
    while len(words) > 1 and words[0] in _FIRST:
        del words[0]
    dropped = _ARTICLES if any(map(_NEGATION.search, words)) else _ARTICLES | _STRESS
    left = [part for word in words if word not in dropped for part in _parts(word)]
    return tuple(left or words or [folded.strip()])


def _trimmed(word: str) -> str:
    trimmed = word.strip(_AROUND)
    # A dash between words is punctuation, an emoji is not.
    says = any(unicodedata.category(sign)[0] in "LNMS" for sign in trimmed)
    return trimmed if says else ""


def _parts(word: str) -> list[str]:
    if word in _WHOLE:
        return _WHOLE[word].split()
    for ending, whole in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            return [word.removesuffix(ending), whole]
    return [word]
