"""The concepts of a namespace by their names, to be found in texts: pure."""

from collections.abc import Iterable

from cognition.language.text import words


class Vocabulary:
    """Names and aliases of concepts, each as the sequence of its words."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, ...], str] = {}
        self._called: dict[str, list[tuple[str, ...]]] = {}
        self._words_max = 0

    def __len__(self) -> int:
        return len(self._called)

    def learn(self, name: str, aliases: Iterable[str] = ()) -> None:
        """A concept is called this from now on; what it was called before counts no more."""
        for called in self._called.pop(name, []):
            if self._names.get(called) == name:
                del self._names[called]
        calls = [tuple(words(each)) for each in (name, *aliases)]
        self._called[name] = [called for called in calls if called]
        for called in self._called[name]:
            self._names[called] = name
            self._words_max = max(self._words_max, len(called))

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
        said, at, found = words(text), 0, dict[str, None]()
        while at < len(said):
            step = 1
            for length in range(min(self._words_max, len(said) - at), 0, -1):
                name = self._names.get(tuple(said[at : at + length]))
                if name is not None:
                    found[name] = None
                    step = length
                    break
            at += step
        return list(found)
