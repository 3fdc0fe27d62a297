"""Embedding models as folders: the real one, and others that look like it."""

import json
from pathlib import Path

import orjson

from services.common.embedding.model_files import CALLING, DEFAULT_MODEL, GRAPH, TOKENIZER, model_of

FIRST_WORD = 1_996  # of the vocabulary: what stands before it are signs and single letters


def copy_of_the_model(folder: Path) -> Path:
    """The default model in a folder of its own."""
    folder.mkdir(parents=True)
    model = model_of(DEFAULT_MODEL)
    model.unpack(folder).rename(folder / GRAPH)
    (folder / TOKENIZER).write_text(model.tokenizer)
    (folder / CALLING).write_bytes(orjson.dumps(model.calling))
    return folder


def other_words(model: Path) -> None:
    """Change a model in place: as many numbers, the same name, and each word means another one."""
    file = model / TOKENIZER
    tokenizer = json.loads(file.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    words = [word for word, number in vocabulary.items() if number >= FIRST_WORD]
    numbers = [vocabulary[word] for word in words]
    vocabulary.update(zip(words, numbers[1:] + numbers[:1], strict=True))
    file.write_text(json.dumps(tokenizer))


def shorter(model: Path) -> None:
    """Change a model in place: it reads only the first words of a text."""
    file = model / CALLING
    file.write_text(json.dumps(json.loads(file.read_text()) | {"max_seq_length": 16}))
