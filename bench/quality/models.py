"""`python -m bench.quality.models FILE... --model NAME...`: embedding models beside each other.

Each file is one kind of talk. Recall by kind: of the cosine alone, of the service's defaults, and
with weights fitted to this model on the other kinds; of facts in ten languages; what it costs.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.quality.arms import FULL
from bench.quality.facts import TOLD_MS
from bench.quality.fit import VECTORS, arms, fitted, means
from bench.quality.offline import Features, Namespace, features_of
from bench.quality.vectors import Vectors
from cognition.base_level import FloatArray
from schemas.inbox import Store
from services.common.embedding.model_files import source_of
from services.common.embedding.prompts import load_centred, prompts_of
from services.ingest.domain import indexed_text
from services.retrieval.search.evidence import Evidence
from services.retrieval.search.ranking import rank

LANGUAGES = Path(__file__).parents[2] / "tests/data/languages.tsv"
FIRST = 5
TIMED_TEXTS = 100
app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def models(
    files: Annotated[list[Path], typer.Argument(help="Conversation files, each of one kind.")],
    names: Annotated[list[str], typer.Option("--model", help="A model; may be repeated.")],
    folder: Annotated[
        Path, typer.Option("--vectors", help="Where vectors are kept between runs.")
    ] = VECTORS,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where the figures go.")] = None,
) -> None:
    """Compare embedding models: names of the hub, or folders."""
    rows = [_measured(files, Vectors(folder, name)) for name in names]
    table = Table("", *(Path(name).name for name in names), box=SIMPLE_HEAD)
    for figure in rows[0]:
        table.add_row(figure, *(f"{row[figure]:.3f}" for row in rows))
    Console().print(table)
    if json_file is not None:
        figures = dict(zip(names, rows, strict=True))
        json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _measured(files: Sequence[Path], vectors: Vectors) -> dict[str, float]:
    every = features_of(files, vectors)
    features = [each for each in every if not each.question.is_adversarial]
    row: dict[str, float] = {}
    for name in ("cosine", FULL):
        for kind, found in means(features, arms()[name]).items():
            row[f"{name} {kind}"] = found["pooled"]
    row |= _left_out(features)
    for language, (by_cosine, by_all) in languages(vectors).items():
        row[f"{language} cosine"], row[language] = by_cosine, by_all
    return row | _costs(vectors.model, [each.question.text for each in features])


def _left_out(features: Sequence[Features]) -> dict[str, float]:
    """Recall of each kind with weights fitted on the others."""
    row = {}
    kinds = list(dict.fromkeys(each.kind for each in features))
    for kind in kinds if len(kinds) > 1 else []:
        weights = fitted([each for each in features if each.kind != kind])
        mine = [each for each in features if each.kind == kind]
        row[f"left out {kind}"] = means(mine, weights.score)[kind]["pooled"]
    return row


def languages(vectors: Vectors) -> dict[str, tuple[float, float]]:
    """By language: the share of questions whose fact is among the first five of all languages'.

    Of the cosine alone, and of a search.
    """
    rows = [line.split("\t") for line in LANGUAGES.read_text(encoding="utf-8").splitlines()]
    stores = [
        Store(namespace="languages", content=row[1], occurred_at=TOLD_MS, idempotency_key=str(i))
        for i, row in enumerate(rows)
    ]
    namespace = Namespace(stores, vectors.of([indexed_text(each, TOLD_MS) for each in stores]))
    asked = vectors.of([row[2] for row in rows], query=True)
    found: dict[str, list[tuple[bool, bool]]] = {}
    for number, (row, vector) in enumerate(zip(rows, asked, strict=True)):
        plan = namespace.plan(row[2], vector, TOLD_MS + 60_000)
        candidates = namespace.seen(plan)
        memories = candidates.columns.memories(candidates.rows).at(plan.moment_ms)
        cosines: FloatArray = Evidence.of(candidates, memories, plan).cosines
        nearest = candidates.rows[np.argsort(-cosines, kind="stable")[:FIRST]]
        ranked = rank(candidates, plan).order[:FIRST]
        found.setdefault(row[0], []).append((number in nearest, number in ranked))
    shares = {language: np.mean(each, axis=0) for language, each in found.items()}
    return {language: (float(each[0]), float(each[1])) for language, each in shares.items()}


def _costs(name: str, texts: Sequence[str]) -> dict[str, float]:
    """Processor time of a question, and the size of the weights."""
    encode = load_centred(name, threads=1).beside
    before = prompts_of(name).query
    some = [before + text for text in dict.fromkeys(texts)][:TIMED_TEXTS]
    started = time.process_time()
    for text in some:
        encode([text])
    spent_ms = 1_000 * (time.process_time() - started) / len(some)
    folder = source_of(name)
    sizes = [] if folder is None else [each.stat().st_size for each in folder.rglob("*")]
    return {"ms": spent_ms, "MB": max(sizes, default=0) / 1e6}


if __name__ == "__main__":
    app()
