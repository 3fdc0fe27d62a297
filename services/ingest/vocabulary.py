"""The concepts of a namespace by their names, to be found in texts: pure."""

from collections.abc import Iterable

from cognition.language.names import Piece, is_named, pieces
from cognition.language.spelling import without_particle

Name = tuple[Piece, ...]
Keys = tuple[str, ...]


class Vocabulary:
    """Names and aliases of concepts, by what a text must have of them."""

    def __init__(self) -> None:
        self._names: dict[Keys, dict[Name, str]] = {}
        self._called: dict[str, list[Name]] = {}
        self._pieces_max = 0

    def __len__(self) -> int:
        return len(self._called)

    def learn(self, name: str, aliases: Iterable[str] = ()) -> None:
        """A concept is called this from now on; what it was called before counts no more."""
        for called in self._called.pop(name, []):
            known = self._names.get(_keys(called), {})
            if known.get(called) == name:
                del known[called]
        calls = [tuple(pieces(each)) for each in (name, *aliases)]
        self._called[name] = [called for called in calls if called]
        for called in self._called[name]:
            known = self._names.setdefault(_keys(called), {})
            known.pop(called, None)
            known[called] = name  # the last one
            self._pieces_max = max(self._pieces_max, len(called))

    def find(self, text: str) -> list[str]:
        """Concepts that a text names, in the order of their first mention; the longest name wins.

        >>> vocabulary = Vocabulary()
        >>> vocabulary.learn("New York", ["NYC"])
        >>> vocabulary.learn("York")
        >>> vocabulary.find("From new york to York")
        ['New York', 'York']
        """
        if not self._names:
            return []
        said, at, found = pieces(text), 0, dict[str, None]()
        while at < len(said):
            step = 1
            for length in range(min(self._pieces_max, len(said) - at), 0, -1):
                name = self._named(said, at, length)
                if name is not None:
                    found[name] = None
                    step = length
                    break
            at += step
        return list(found)

    def _named(self, said: list[Piece], at: int, length: int) -> str | None:
        """The concept that so many pieces name; of several the one written so, else the last."""
        keys = _keys(said[at : at + length])
        for key in dict.fromkeys((keys, (*keys[:-1], without_particle(keys[-1])))):
            known = reversed(self._names.get(key, {}).items())
            meant = [(called, name) for called, name in known if is_named(called, said, at)]
            if meant:
                # False is before True, and the first of equals stays the first.
                return min(meant, key=lambda each: not _alike(each[0], said[at:]))[1]
        return None


def _keys(name: Iterable[Piece]) -> Keys:
    return tuple(each.key for each in name)


def _alike(name: Name, said: list[Piece]) -> bool:
    pairs = zip(name, said, strict=False)
    return all(own.written == piece.written for own, piece in pairs)
