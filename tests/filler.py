"""Text that says many different things of no importance, as long as it is asked for."""

_WHO = (
    "The caretaker", "My neighbour", "A courier", "The choir", "Our landlord", "The chess club",
    "A tourist", "The librarian", "The night nurse", "A plumber", "The council",
)  # fmt: skip
_DID = (
    "repaired", "painted", "ordered", "measured", "sold", "borrowed", "described", "carried",
    "counted", "cleaned", "photographed", "hid", "returned",
)  # fmt: skip
_WHAT = (
    "a wooden ladder", "the garden bench", "three spare tyres", "an old accordion", "the hall lamp",
    "a box of screws", "the minutes of the meeting", "a jar of plums", "the kitchen clock",
    "two folding chairs", "a map of the canals", "the winter curtains", "a bag of cement",
    "the bicycle pump", "a stack of postcards", "the broken kettle", "a roll of wire",
)  # fmt: skip
_WHEN = ("before lunch", "in the afternoon", "after the rain", "at dusk", "on the way home")


def filler(characters: int, seed: int = 0) -> str:
    """Sentences of so many characters together, the same for the same seed."""
    sentences, length, number = [], 0, seed
    while length < characters:
        words = (part[number % len(part)] for part in (_WHO, _DID, _WHAT, _WHEN))
        sentences.append(f"{' '.join(words)}.")
        length += len(sentences[-1]) + 1
        number += 1
    return " ".join(sentences)
